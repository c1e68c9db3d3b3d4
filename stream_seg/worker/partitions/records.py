"""A partition's customer records: the port to where they are kept, and the one that keeps them in memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from stream_seg.core.record import DTYPE, NO_SEGMENT, columns

if TYPE_CHECKING:
    from .bookmark import Bookmark

Pair = tuple[bytes, bytes]  # a key and its record

# Records that are looked at together where all of a partition are.
AT_ONCE: Final = 20_000

_SEGMENT_AT: Final = DTYPE.fields["segment"][1]  # type: ignore[index]


class Scan(Protocol):
    """All records of a partition, slice by slice; it holds no more of them than a slice."""

    def take(self, wanted: int) -> list[Pair]:
        """The next records, as they are now, at most `wanted`; fewer do not mean that it is over."""

    def __len__(self) -> int:
        """How many are left, about; 0 when it is over."""


class Records(Protocol):
    """Packed customers of one partition by key.

    What is put in is *in flight*: read like the rest, and lost with the process. `keep` makes it durable, where
    there is something durable, together with how far into the changelog it goes.
    """

    def get(self, key: bytes, /) -> bytes | None:
        """A customer's record; None where there is none."""

    def __contains__(self, key: object, /) -> bool: ...

    def __setitem__(self, key: bytes, record: bytes, /) -> None: ...

    def __len__(self) -> int:
        """How many there are; new ones in flight may be left out."""

    def update(self, records: Mapping[bytes, bytes], /) -> None:
        """Put records in."""

    def forget(self, key: bytes) -> None:
        """Remove a customer; nothing happens where there is none."""

    def slices(self, size: int = AT_ONCE) -> Iterator[list[Pair]]:
        """All records once, in lists of at most `size`. Nothing is put in meanwhile."""

    def scan(self) -> Scan:
        """All that are here now; what is put in later may be met or not."""

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """At most `wanted` records, each with the same chance."""

    def sizes(self) -> Counter[int]:
        """Customers by segment index, those in none left out; after `keep`."""

    def keep(self, bookmark: Callable[[], Bookmark]) -> None:
        """Everything in flight is acknowledged: write it and the bookmark, both or neither. Raises StoreError."""


class MemoryRecords(dict[bytes, bytes]):
    """Records in memory, gone with the process."""

    def forget(self, key: bytes) -> None:
        """Remove a customer."""
        self.pop(key, None)

    def slices(self, size: int = AT_ONCE) -> Iterator[list[Pair]]:
        """All records once."""
        chunk: list[Pair] = []
        for pair in self.items():
            chunk.append(pair)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def scan(self) -> Scan:
        """Those that are here now."""
        return _KeyWalk(self)

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """Drawn without putting back."""
        keys = list(self)
        if len(keys) > wanted:
            keys = random.Random(seed).sample(keys, wanted)
        return [(key, self[key]) for key in keys]

    def sizes(self) -> Counter[int]:
        """Counted now."""
        counts: Counter[int] = Counter()
        for chunk in self.slices():
            counts += count_segments(record for _, record in chunk)
        return counts

    def keep(self, bookmark: Callable[[], Bookmark]) -> None:
        """There is nothing durable."""


class _KeyWalk:
    def __init__(self, records: MemoryRecords) -> None:
        self._records = records
        self._keys = list(records)

    def take(self, wanted: int) -> list[Pair]:
        start = max(0, len(self._keys) - wanted)
        keys = self._keys[start:]
        del self._keys[start:]
        held = ((key, self._records.get(key)) for key in keys)
        return [(key, record) for key, record in held if record is not None]

    def __len__(self) -> int:
        return len(self._keys)


NO_SCAN: Final[Scan] = _KeyWalk(MemoryRecords())


def segment_index(record: bytes) -> int:
    """The segment that a packed record holds, by index; NO_SEGMENT where it holds none."""
    value = record[_SEGMENT_AT]
    return value - 256 if value > 127 else value


def count_segments(records: Iterable[bytes]) -> Counter[int]:
    """Customers by segment index; those in none are left out."""
    held = list(records)
    if not held:
        return Counter()
    segments, customers = np.unique(columns(held)["segment"], return_counts=True)
    counts = Counter(dict(zip(segments.tolist(), customers.tolist(), strict=True)))
    counts.pop(NO_SEGMENT, None)
    return counts
