"""The worker on Kafka and Faust: turns input events into segment changes."""
