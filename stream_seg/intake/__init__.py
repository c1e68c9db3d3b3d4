"""Intake: records of other programs' topics, with any keys and partitioners, become events in the input topics."""
