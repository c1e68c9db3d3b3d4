"""Names and profiles of segments."""
