"""Events: the effect of each type on a customer's record."""
