"""Kafka clients outside of a worker's consumer: connections, offsets, lag, reading and appending."""
