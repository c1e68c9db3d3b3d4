"""Talking to Kafka without a worker: connections, offsets, lag, reading and appending."""
