"""What we promise: events and their aliases, changes, the Redis document, model snapshots."""
