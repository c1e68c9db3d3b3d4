"""Dirty customers of a partition: those whose document in Redis is behind, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from stream_seg.core.record import NO_SEGMENT

from .records import NO_SCAN, Records, Scan, segment_index

# More than this are not told apart: then all of the partition is written again.
TOLD_APART: Final = 100_000


class Dirty:
    """Keys that are dirty, and where all are, a walk through the records that has not come to all of them yet."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._keys: set[bytes] = set()
        self._walk: Scan = NO_SCAN

    def __len__(self) -> int:
        return len(self._keys) + len(self._walk)

    def soil(self, keys: Iterable[bytes]) -> None:
        """These customers are dirty."""
        self._keys.update(keys)
        if len(self._keys) > TOLD_APART:
            self.soil_all()

    def soil_all(self) -> None:
        """Every customer in a segment is dirty."""
        self._keys.clear()
        self._walk = self._records.scan()

    def first(self, wanted: int) -> list[bytes]:
        """At most `wanted` of them; they stay dirty until `clean` is told."""
        if len(self._keys) < wanted:
            taken = self._walk.take(wanted - len(self._keys))
            self._keys.update(key for key, record in taken if segment_index(record) != NO_SEGMENT)
        return list(islice(self._keys, wanted))

    def clean(self, keys: Iterable[bytes]) -> None:
        """Redis has these customers as they are."""
        self._keys.difference_update(keys)
