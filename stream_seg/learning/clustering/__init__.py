"""Online clustering."""
