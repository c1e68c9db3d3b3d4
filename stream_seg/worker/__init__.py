"""The worker, on Kafka and Faust: the way of an event from a topic to a changed segment."""
