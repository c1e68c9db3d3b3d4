"""The group checkpoint: absorb, decide, write."""
