"""Crash points: named moments between two effects at which a test lets the worker die, as kill -9 would.

`STREAM_SEG_CRASH_AT=changelog` ends the process when it gets there, `changelog:5` when it does for the fifth time.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import cache
from typing import Final

CRASH_AT: Final = "STREAM_SEG_CRASH_AT"

# Moments of a group, then of a partition that comes, of one that goes, of Redis being made whole, and of a model.
POINTS: Final = (
    "decided",  # nothing has left the worker
    "dead-letters",  # they are on their topic
    "changelog",  # records and header are durable, their changes are not published
    "changes",  # they are published
    "redis",  # documents are written
    "stored",  # the store on disk, where there is one, has the records
    "acknowledged",  # the offsets may be committed, and are not yet
    "recovering",  # a part of the changelog is read
    "recovered",  # state is restored, pending changes are not yet sent
    "resumed",  # they are sent again
    "revoked",  # a rebalance has begun, the group in flight is not finished
    "drained",  # the group in flight is written, but not said to be
    "confirmed",  # it is
    "repairing",  # a slice of what Redis lost is written again
    "publishing",  # a model snapshot is made, and not sent
    "published",  # it is on its topic
)

_visits: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die here, if this is where to die; costs a comparison where nothing is set. Raises ValueError, see `armed`."""
    name, visit = armed()
    if point != name:
        return
    _visits[point] += 1
    if _visits[point] == visit:
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def armed() -> tuple[str, int]:
    """The point at which to die, and at which visit. Raises ValueError when the variable names no point."""
    name, _, visit = os.environ.get(CRASH_AT, "").partition(":")
    if name and (name not in POINTS or not (visit or "1").isdigit()):
        raise ValueError(f"{CRASH_AT} is {name!r}; write one of {', '.join(POINTS)}, and :N for the Nth time")
    return name, int(visit or "1")
