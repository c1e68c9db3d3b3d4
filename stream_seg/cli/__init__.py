"""The command line: `stream-seg`, also `python -m stream_seg`."""

from __future__ import annotations

from stream_seg.cli.entry import main

__all__ = ["main"]
