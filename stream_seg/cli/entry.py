"""Run a command. The exit status is 0 for success, 1 for failure, 2 for wrong usage and 128 + n for signal n."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Final

from stream_seg.cli import interrupt
from stream_seg.cli.app import app
from stream_seg.cli.errors import described

PROGRAM: Final = "stream-seg"
INTERRUPTED: Final = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. The default `arguments` are those of the process."""
    try:
        interrupt.install()
        app(args=None if arguments is None else list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        known = described(error)
        if known is None:
            raise
        text, status = known
        print(f"{PROGRAM}: {text}", file=sys.stderr)
    else:
        return 0
    if status != INTERRUPTED:
        return status
    interrupt.handled()
    return interrupt.status() or status
