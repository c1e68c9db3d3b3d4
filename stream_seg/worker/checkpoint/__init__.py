"""The group checkpoint: gather, absorb, decide, and write."""
