"""Crash points: named moments between two effects, at which a test makes the worker die as kill -9 would.

`STREAM_SEG_CRASH_AT=changelog` ends the process at the first visit of that point, `changelog:5` at the fifth.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import cache
from typing import Final

CRASH_AT: Final = "STREAM_SEG_CRASH_AT"

# The points of a commit group, of a new partition, of a revoked partition, of a Redis repair, and of a model.
POINTS: Final = (
    "decided",  # nothing has left the worker
    "dead-letters",  # dead letters are on their topic
    "changelog",  # records and header are durable, their changes are not published
    "changes",  # the changes are published
    "redis",  # the documents are written
    "stored",  # the store on disk, if there is one, has the records
    "acknowledged",  # the offsets may be committed, and are not yet
    "recovering",  # a part of the changelog is read
    "recovered",  # state is restored, pending changes are not published yet
    "resumed",  # the pending changes are published again
    "revoked",  # a rebalance has begun, the group in flight is not finished
    "drained",  # the group in flight is written, and not confirmed in the changelog
    "confirmed",  # the group is confirmed
    "repairing",  # a slice of the documents that Redis lost is written again
    "publishing",  # a model snapshot is made, and not sent
    "published",  # the snapshot is on its topic
)

_visits: Counter[str] = Counter()


def reach(point: str) -> None:
    """Kill the process if it must crash at this visit of `point`.

    Called between effects. Without the variable it costs one comparison. Raises ValueError as `armed` does.
    """
    name, visit = armed()
    if point != name:
        return
    _visits[point] += 1
    if _visits[point] == visit:
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def armed() -> tuple[str, int]:
    """Return the point at which to crash, and at which visit. The point is empty when the variable is not set.

    Raises ValueError when the variable names no point.
    """
    name, _, visit = os.environ.get(CRASH_AT, "").partition(":")
    if name and (name not in POINTS or not (visit or "1").isdigit()):
        raise ValueError(f"{CRASH_AT} is {name!r}; write one of {', '.join(POINTS)}, and :N for the Nth time")
    return name, int(visit or "1")
