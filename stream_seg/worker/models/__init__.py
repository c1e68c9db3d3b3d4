"""Models in a worker: the active model, the feed of snapshots, the learner and its samples."""
