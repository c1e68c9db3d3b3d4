"""The interface of the cache for workers, and the types of a write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stream_seg.contracts.document import Document


class Mark(NamedTuple):
    """The last group of a partition that is in the cache. Marks are ordered by (epoch, group)."""

    epoch: int
    group: int


class PartitionWrite(NamedTuple):
    """The changes of one group in one partition.

    `sizes` are absolute and complete: `"{dimension}:{segment}"` -> customers of the partition now in it.

    `after` is the group of the same epoch whose mark must still be in the cache for the mark to advance. It prevents a
    new mark over missing data when the cache was wiped or fell back between two groups. With None the mark is always
    set. That is right for the first write after an assignment or a loss, when the writer knows that all other customers
    of the partition are still to be written.
    """

    partition: int
    epoch: int
    group: int
    documents: Sequence[Document]
    sizes: Mapping[str, int]
    after: int | None = None


class WriteResult(NamedTuple):
    """The result of a write.

    `documents` is the number of documents that were new enough to be written. `unmarked` are the partitions whose mark
    did not advance, because the cache lost data (rewrite the whole partition) or a newer epoch owns the partition.
    """

    documents: int
    unmarked: frozenset[int]


class Cache(Protocol):
    """The writing interface of the cache. Every method except `aclose` may raise `CacheUnavailable`."""

    async def write(self, batches: Sequence[PartitionWrite]) -> WriteResult:
        """Write documents, sizes and marks of partitions in one round trip. Newer values in the cache stay."""

    async def marks(self, partitions: Iterable[int]) -> dict[int, Mark | None]:
        """Return the marks of `partitions`, with None for a missing mark.

        Claims the prefix for this application, also again after a wipe. Raises `PrefixTaken` when another application
        owns the prefix.
        """

    async def set_model(self, snapshot: str | bytes) -> bool:
        """Store the active model snapshot (JSON). Return False when the stored one is newer."""

    async def aclose(self) -> None:
        """Close the connections."""
