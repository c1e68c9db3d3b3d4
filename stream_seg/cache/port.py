"""What the streaming side asks of a cache: the types of a group's write, and the interface itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stream_seg.contracts.document import Document


class Mark(NamedTuple):
    """The last group of a partition that the cache holds. Marks are ordered by (epoch, group)."""

    epoch: int
    group: int


class PartitionWrite(NamedTuple):
    """What one group changes in one partition.

    `sizes` are absolute and complete: `"{dimension}:{segment}"` -> customers of the partition now in it.

    `after` names the group of the same epoch that the cache must still hold for the mark to move on. With it, a
    cache that was wiped or fell back between two groups does not get a new mark over the hole. Without it (None)
    the mark is set in any case: right for the first write after an assignment or a loss, where the writer knows
    that it owes the cache all other customers of the partition.
    """

    partition: int
    epoch: int
    group: int
    documents: Sequence[Document]
    sizes: Mapping[str, int]
    after: int | None = None


class WriteResult(NamedTuple):
    """`documents`: how many were new enough to be written. `unmarked`: the partitions whose mark did not move,
    because the cache lost something (rewrite all of the partition) or a newer epoch owns it."""

    documents: int
    unmarked: frozenset[int]


class Cache(Protocol):
    """The writing side of the cache. Every method but `aclose` may raise `CacheUnavailable`."""

    async def write(self, batches: Sequence[PartitionWrite]) -> WriteResult:
        """Write documents, sizes and marks of some partitions in one round trip; what is older is left alone."""

    async def marks(self, partitions: Iterable[int]) -> dict[int, Mark | None]:
        """The marks of `partitions`, None where there is none.

        Claims the prefix for this application, again should it be wiped; raises `PrefixTaken` when it is another's.
        """

    async def set_model(self, snapshot: str | bytes) -> bool:
        """Put the model snapshot (JSON) in force; False when the one held is newer."""

    async def aclose(self) -> None:
        """Give connections back."""
