"""Learning of segments, the only package that imports River."""
