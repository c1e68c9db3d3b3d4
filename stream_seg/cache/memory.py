"""A cache in dictionaries with the interface and rules of the one in Redis, for tests and for a single process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from stream_seg.cache import reads
from stream_seg.cache.port import Mark, PartitionWrite, WriteResult
from stream_seg.contracts.document import CustomerSegments, Document
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.errors import CacheRefused, CacheUnavailable, PrefixTaken


@dataclass
class MemoryServer:
    """The data that several `MemoryCache` objects share, as programs share one Redis.

    Every call raises `CacheUnavailable` while `available` is False, and `CacheRefused` while `refusing` is True.
    """

    available: bool = True
    refusing: bool = False
    owners: dict[str, str] = field(default_factory=dict)
    documents: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    stats: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    marks: dict[tuple[str, int], Mark] = field(default_factory=dict)
    models: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def wipe(self) -> None:
        """Lose everything, as a Redis without persistence does at a restart."""
        for values in (self.owners, self.documents, self.stats, self.marks, self.models):
            values.clear()


class MemoryCache:
    """An implementation of `port.Cache` that also has the methods of `AsyncSegmentClient`."""

    def __init__(self, prefix: str = "seg", app_id: str = "stream-seg", server: MemoryServer | None = None) -> None:
        self.server = MemoryServer() if server is None else server
        self._prefix = prefix
        self._app_id = app_id

    async def write(self, batches: Sequence[PartitionWrite]) -> WriteResult:
        """See `port.Cache.write`."""
        self._connect()
        documents = sum(self._write_document(document) for batch in batches for document in batch.documents)
        return WriteResult(documents, frozenset(b.partition for b in batches if not self._write_mark(b)))

    async def marks(self, partitions: Iterable[int]) -> dict[int, Mark | None]:
        """See `port.Cache.marks`."""
        owner = self._connect().owners.setdefault(self._prefix, self._app_id)
        if owner != self._app_id:
            raise PrefixTaken(self._prefix, owner, self._app_id)
        return {partition: self.server.marks.get((self._prefix, partition)) for partition in partitions}

    async def set_model(self, snapshot: str | bytes) -> bool:
        """See `port.Cache.set_model`."""
        new = orjson.loads(snapshot)
        key = self._prefix, new.get("dimension", BEHAVIOR)
        stored = reads.model_of(self._connect().models.get(key))
        if stored and stored["version"] > new["version"] and stored["created_at"] >= new["created_at"]:
            return False
        self.server.models[key] = snapshot.encode() if isinstance(snapshot, str) else snapshot
        return True

    async def aclose(self) -> None:
        """Do nothing, because there are no connections."""

    async def get(self, customer_id: str) -> CustomerSegments | None:
        """See `SegmentClient.get`."""
        return reads.segments_of(customer_id, self._connect().documents.get((self._prefix, customer_id), {}))

    async def get_many(self, customer_ids: Iterable[str]) -> dict[str, CustomerSegments | None]:
        """See `SegmentClient.get_many`."""
        return {customer_id: await self.get(customer_id) for customer_id in customer_ids}

    async def model(self) -> dict[str, Any] | None:
        """See `SegmentClient.model`."""
        return reads.model_of(self._connect().models.get((self._prefix, BEHAVIOR)))

    async def sizes(self) -> reads.Sizes:
        """See `SegmentClient.sizes`."""
        sizes = self._connect().stats.items()
        return reads.total_sizes(of_one for (prefix, _), of_one in sizes if prefix == self._prefix)

    async def close(self) -> None:
        """Do nothing, because there are no connections."""

    def _connect(self) -> MemoryServer:
        if not self.server.available:
            raise CacheUnavailable("the in-memory cache was made unavailable")
        if self.server.refusing:
            raise CacheRefused("the in-memory cache was set to refuse")
        return self.server

    def _write_document(self, document: Document) -> bool:
        key, new = (self._prefix, document.customer_id), document.fields()
        stored = self.server.documents.get(key)
        if stored is not None and _version(stored) > _version(new):
            return False
        self.server.documents[key] = new
        return True

    def _write_mark(self, batch: PartitionWrite) -> bool:
        key, new = (self._prefix, batch.partition), Mark(batch.epoch, batch.group)
        stored = self.server.marks.get(key)
        if stored is not None and stored > new:
            return False
        self.server.stats[key] = {segment: str(customers) for segment, customers in batch.sizes.items()}
        if batch.after is not None and stored not in (new, Mark(batch.epoch, batch.after)):
            return False
        self.server.marks[key] = new
        return True


def _version(fields: Mapping[str, str]) -> tuple[int, int, str]:
    return int(fields["epoch"]), int(fields["sequence"]), fields["as_of"]
