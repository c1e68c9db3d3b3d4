"""Models in a worker: the active one, the feed, samples for the learner."""
