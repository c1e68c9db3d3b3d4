"""The partitions that this worker owns, and their state."""
