"""Events: what each kind does to a customer's record."""
