"""Laws that hold whatever customers do, and in whatever order it arrives."""
