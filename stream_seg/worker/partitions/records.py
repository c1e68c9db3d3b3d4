"""The customer records of one partition: the interface of all stores, and the store in memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from stream_seg.core.record import DIMENSIONS, DTYPE, NO_SEGMENT, columns

if TYPE_CHECKING:
    from .bookmark import Bookmark

Pair = tuple[bytes, bytes]  # a key and its record
Sizes = Counter[tuple[int, int]]  # customers by dimension, given by its position in records, and segment

NO_NAMES: Final[Mapping[int, str]] = {}

# Records in one slice, when all records of a partition are read.
SLICE_RECORDS: Final = 20_000

_SLOTS_AT: Final = DTYPE.fields["slots"][1]  # type: ignore[index]
_SLOTS: Final = Struct(f"<{len(DIMENSIONS)}h")


class Scan(Protocol):
    """A pass over all records of a partition, slice by slice. It keeps at most one slice in memory."""

    def take(self, wanted: int) -> list[Pair]:
        """Return at most `wanted` further records in their current form. Fewer do not mean that the scan is over."""

    def __len__(self) -> int:
        """Return about how many records are left, and 0 when the scan is over."""


class Records(Protocol):
    """Packed customers of one partition by key.

    A record that is put in is *in flight*: it is read like the others, and is lost with the process. `keep` makes it
    durable, in stores that are durable, together with a bookmark.
    """

    def get(self, key: bytes, /) -> bytes | None:
        """Return a customer's record, or None."""

    def __contains__(self, key: object, /) -> bool: ...

    def __setitem__(self, key: bytes, record: bytes, /) -> None: ...

    def __len__(self) -> int:
        """Return the number of customers. New ones in flight may be left out."""

    def update(self, records: Mapping[bytes, bytes], /) -> None:
        """Put records in."""

    def forget(self, key: bytes) -> None:
        """Remove a customer, if there is one."""

    def slices(self, size: int = SLICE_RECORDS) -> Iterator[list[Pair]]:
        """Yield all records once, in lists of at most `size`. Put no record in meanwhile."""

    def scan(self) -> Scan:
        """Return a scan of the current records. It may include records that are put in later."""

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """Return at most `wanted` records, each with the same probability."""

    def sizes(self) -> Sizes:
        """Return the number of customers by dimension and segment, as of the last `keep`."""

    def keep(self, bookmark: Callable[[], Bookmark], names: Mapping[int, str] = NO_NAMES) -> None:
        """Write the records in flight, names of categories and the bookmark, all or none. Raises StoreError.

        Called when the changelog has acknowledged all of them.
        """


class MemoryRecords(dict[bytes, bytes]):
    """Records in memory, which are lost with the process."""

    def forget(self, key: bytes) -> None:
        """Remove a customer."""
        self.pop(key, None)

    def slices(self, size: int = SLICE_RECORDS) -> Iterator[list[Pair]]:
        """Yield all records once."""
        chunk: list[Pair] = []
        for pair in self.items():
            chunk.append(pair)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def scan(self) -> Scan:
        """Return a scan of the current records."""
        return _KeyScan(self)

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """Return records drawn without replacement."""
        keys = list(self)
        if len(keys) > wanted:
            keys = random.Random(seed).sample(keys, wanted)
        return [(key, self[key]) for key in keys]

    def sizes(self) -> Sizes:
        """Return the sizes, counted now."""
        counts: Sizes = Counter()
        for chunk in self.slices():
            counts += count_segments(record for _, record in chunk)
        return counts

    def keep(self, bookmark: Callable[[], Bookmark], names: Mapping[int, str] = NO_NAMES) -> None:
        """Do nothing, because nothing is durable."""


class _KeyScan:
    def __init__(self, records: MemoryRecords) -> None:
        self._records = records
        self._keys = list(records)

    def take(self, wanted: int) -> list[Pair]:
        start = max(0, len(self._keys) - wanted)
        keys = self._keys[start:]
        del self._keys[start:]
        pairs = ((key, self._records.get(key)) for key in keys)
        return [(key, record) for key, record in pairs if record is not None]

    def __len__(self) -> int:
        return len(self._keys)


NO_SCAN: Final[Scan] = _KeyScan(MemoryRecords())


def segments_in(record: bytes) -> list[tuple[int, int]]:
    """Return the dimensions, given by position, and segments that the customer of a packed record is in."""
    slots = _SLOTS.unpack_from(record, _SLOTS_AT)
    return [(position, slot) for position, slot in enumerate(slots) if slot != NO_SEGMENT]


def count_segments(records: Iterable[bytes]) -> Sizes:
    """Return the number of customers by dimension and segment."""
    packed = list(records)
    counts: Sizes = Counter()
    if not packed:
        return counts
    for position, slots in enumerate(columns(packed)["slots"].T):
        segments, customers = np.unique(slots, return_counts=True)
        for slot, number in zip(segments.tolist(), customers.tolist(), strict=True):
            if slot != NO_SEGMENT:
                counts[position, slot] = number
    return counts
