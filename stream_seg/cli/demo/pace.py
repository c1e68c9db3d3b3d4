"""Send no faster than the worker reads, so that all partitions stay close in event time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from typing import Final

from stream_seg.datasets import SourceRecord

LOOK_EVERY_S: Final = 0.01


class Paced:
    """A source that waits while `ahead` records or more are not handled yet.

    A replay reads it in its own thread, in chunks. `ahead` must be more than a chunk, or the source would wait for
    records that were never sent. `stop()` ends the waiting and the source.
    """

    def __init__(self, source: Iterable[SourceRecord], handled: Callable[[], int], ahead: int) -> None:
        self._source = source
        self._handled = handled
        self._ahead = ahead
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the source. A reader that waits for the next record gets none."""
        self._stopped.set()

    def __length_hint__(self) -> int:
        return length_hint(self._source)

    def __iter__(self) -> Iterator[SourceRecord]:
        allowed = self._ahead
        for number, record in enumerate(self._source):
            while number >= allowed:
                allowed = self._handled() + self._ahead
                if number >= allowed and self._stopped.wait(LOOK_EVERY_S):
                    return
            yield record
