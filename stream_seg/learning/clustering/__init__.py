"""Online clustering of customers."""
