"""The chaos harness: kills, freezes and starves workers under load, then compares the result with a fold."""
