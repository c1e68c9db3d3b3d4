"""Intake: turn records of other programs' topics, with any keys and partitioners, into events in the input topics."""
