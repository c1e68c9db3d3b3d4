"""Names, profiles and breakdowns of segments."""
