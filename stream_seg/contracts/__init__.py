"""The formats that other programs rely on: events and their aliases, changes, the Redis document, model snapshots."""
