"""What the integration tests share: workers as processes, events to send them, and what they must come to."""
