"""Partitions that this worker owns, and their state."""
