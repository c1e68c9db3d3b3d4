"""Snapshots of the model: when to publish, what to refuse, and what an operator changes."""
