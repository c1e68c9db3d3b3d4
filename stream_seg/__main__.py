"""`python -m stream_seg`: the same as the command `stream-seg`."""

from __future__ import annotations

import sys

from stream_seg.cli import main

if __name__ == "__main__":
    sys.exit(main())
