"""Unit tests of the core, with values worked out by hand."""
