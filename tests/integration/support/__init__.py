"""Shared parts of the integration tests: workers as processes, events to send, and expected results."""
