"""Replay: send the events of a source to the input topics, each event once."""
