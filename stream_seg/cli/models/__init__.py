"""`stream-seg models`: published models, how they differ, and what an operator decides about them."""
