"""The chaos harness: workers under load are killed, frozen and starved, then the ending is compared with a fold."""
