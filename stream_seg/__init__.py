"""Real-time customer segmentation: events in, explained segment changes and cached segments out."""

__version__ = "0.1.0"
