"""From arguments to an exit status: 0 done, 1 failed with one clear line, 2 wrong usage, 128 + n ended by signal n."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

from stream_seg.cli.app import app
from stream_seg.cli.errors import described

PROGRAM = "stream-seg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `arguments` are those of the process by default."""
    terminated = _end_by_signals()
    try:
        app(args=None if arguments is None else list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except Exception as error:
        known = described(error)
        if known is None:
            raise
        text, status = known
        print(f"{PROGRAM}: {text}", file=sys.stderr)
    else:
        return 0
    return terminated[-1] if terminated and status == 128 + signal.SIGINT else status


def _end_by_signals() -> list[int]:
    """Let SIGTERM end a command the way Ctrl-C does, cleaning up; the list gets its exit status when it comes."""
    came: list[int] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        came.append(128 + number)
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)

    # A shell starts background jobs of scripts with SIGINT ignored; whoever sends one to us means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    return came
