"""The dirty customers of a partition, whose documents in Redis are behind, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from .records import NO_SCAN, Records, Scan, segments_in

# Most keys that are remembered one by one. With more, the whole partition is written again.
MAX_DIRTY_KEYS: Final = 100_000


class Dirty:
    """A set of dirty keys. When all customers are dirty, it also has a scan of the records that it has not reached."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._keys: set[bytes] = set()
        self._scan: Scan = NO_SCAN

    def __len__(self) -> int:
        return len(self._keys) + len(self._scan)

    def mark_dirty(self, keys: Iterable[bytes]) -> None:
        """Mark customers as dirty."""
        self._keys.update(keys)
        if len(self._keys) > MAX_DIRTY_KEYS:
            self.mark_all_dirty()

    def mark_all_dirty(self) -> None:
        """Mark every customer that is in a segment as dirty."""
        self._keys.clear()
        self._scan = self._records.scan()

    def first(self, wanted: int) -> list[bytes]:
        """Return at most `wanted` dirty keys. They stay dirty until `clean`."""
        if len(self._keys) < wanted:
            pairs = self._scan.take(wanted - len(self._keys))
            self._keys.update(key for key, record in pairs if segments_in(record))
        return list(islice(self._keys, wanted))

    def clean(self, keys: Iterable[bytes]) -> None:
        """Mark customers as clean, because Redis has their current documents."""
        self._keys.difference_update(keys)
