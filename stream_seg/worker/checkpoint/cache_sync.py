"""The cache sync: keeps Redis in step with `segment-changes` and repairs it after data loss."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import numpy as np

from stream_seg.cache.port import Cache, Mark, PartitionWrite
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.document import Document
from stream_seg.core.engine import Engine
from stream_seg.core.record import columns
from stream_seg.errors import CacheRefused, CacheUnavailable
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.crash_points import reach
from stream_seg.worker.partitions.ownership import EpochReason, OwnedPartition

from .documents import documents_of
from .evaluate import Output

log = logging.getLogger(__name__)

# Documents that one round trip repairs per partition, besides the documents that changed.
REPAIR_SLICE: Final = 2000
# The longest time that repairs take in one turn, in seconds. Live events wait meanwhile.
REPAIR_S: Final = 0.05
# Seconds between two comparisons of marks, and the pause after Redis has failed.
COMPARE_S: Final = 1.0


class CacheSync:
    """Writes documents and marks through a `Cache`. An unavailable cache is retried and raises nothing.

    `renew` writes the new epoch of a partition to the changelog.

    A cache that refuses this worker before the first write has succeeded was set up wrongly, and CacheRefused is
    raised. A later refusal counts as an outage, because credentials may change while workers run.
    """

    def __init__(
        self,
        cache: Cache,
        engine: Engine,
        renew: Callable[[OwnedPartition], Awaitable[None]],
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._cache = cache
        self._renew = renew
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._away_until = 0.0
        self._compared_at = 0.0
        self._model: tuple[int, bytes] | None = None
        self._model_written: int | None = None
        self.up = True
        self._proven = False  # whether a write has succeeded

    async def write(self, outputs: Iterable[Output]) -> None:
        """Write the documents of a group. Documents that cannot be written now become dirty."""
        outputs = list(outputs)
        compared = all(output.partition.cache.compared for output in outputs)
        if self._clock.monotonic() >= self._away_until and compared:
            await self._send([(output.partition, output.documents) for output in outputs])
            return
        for output in outputs:
            _mark_dirty(output.partition, output.documents)

    async def tend(self, partitions: Mapping[int, OwnedPartition]) -> None:
        """Repair a slice of the dirty customers, and compare the marks of all partitions every COMPARE_S.

        Called between two groups, and about once a second while there are none.
        """
        now = self._clock.monotonic()
        self._metrics.redis_dirty_customers.set(sum(len(partition.cache.dirty) for partition in partitions.values()))
        if now < self._away_until or not partitions:
            return
        due = now - self._compared_at >= COMPARE_S
        if due or any(not partition.cache.compared for partition in partitions.values()):
            if not await self._compare(partitions):
                return
            self._compared_at = now
        if not await self._write_model():
            return
        while dirty := [partition for partition in partitions.values() if partition.cache.dirty]:
            if not await self._send([(partition, []) for partition in dirty]):
                return
            reach("repairing")
            if self._clock.monotonic() - now > REPAIR_S:
                return

    def show_model(self, version: int, snapshot: bytes) -> None:
        """Set the active model for readers. `tend` writes it, and writes it again whenever Redis loses it."""
        self._model = (version, snapshot)

    async def close(self) -> None:
        """Close the connections."""
        await self._cache.aclose()

    async def _write_model(self) -> bool:
        if self._model is None or self._model[0] == self._model_written:
            return True
        try:
            await self._cache.set_model(self._model[1])
        except CacheUnavailable as reason:
            self._failed(reason)
            return False
        self._model_written = self._model[0]
        return True

    async def _compare(self, partitions: Mapping[int, OwnedPartition]) -> bool:
        """Compare the marks in Redis with the expected ones. Return whether Redis answered."""
        try:
            marks = await self._cache.marks(list(partitions))
        except CacheUnavailable as reason:
            self._failed(reason)
            return False
        self._answered()
        for number, partition in partitions.items():
            if marks[number] != partition.cache.marked:
                if partition.cache.compared:
                    await self._lost(partition)
                else:
                    self._mark_all_dirty(partition)
            partition.cache.compared = True
        return True

    async def _send(self, changed: list[tuple[OwnedPartition, list[Document]]]) -> bool:
        """Write changed documents and a slice of the dirty ones. Return whether Redis took them."""
        writes = []
        repairs: list[tuple[OwnedPartition, list[bytes]]] = []
        for partition, documents in changed:
            dirty = partition.cache.dirty
            keys = dirty.first(REPAIR_SLICE)
            stored = self._stored(partition, keys)
            after = _marked_group(partition)
            # The mark names the last group only when Redis lacks nothing of that group or an earlier one.
            position = partition.position
            group = position.group if len(keys) == len(dirty) else after or 0
            sizes = _sizes(partition)
            writes.append(PartitionWrite(partition.number, position.epoch, group, [*stored, *documents], sizes, after))
            repairs.append((partition, keys))
        try:
            result = await self._cache.write(writes)
        except CacheUnavailable as reason:
            self._failed(reason)
            for partition, documents in changed:
                _mark_dirty(partition, documents)
            return False
        self._answered()
        self._proven = True
        for write, (partition, keys) in zip(writes, repairs, strict=True):
            partition.cache.dirty.clean(keys)
            partition.cache.marked = Mark(write.epoch, write.group)
            if partition.number in result.unmarked:
                await self._lost(partition)
        return True

    def _stored(self, partition: OwnedPartition, keys: Iterable[bytes]) -> list[Document]:
        records = partition.state.records
        pairs = [(key, record) for key in keys if (record := records.get(key)) is not None]
        table = columns([record for _, record in pairs])
        rows = np.flatnonzero(table["sequence"]).tolist()
        epochs = [partition.position.epoch] * len(rows)
        return documents_of(table, rows, [pairs[row][0] for row in rows], epochs, self._engine)

    async def _lost(self, partition: OwnedPartition) -> None:
        """Write a partition again that Redis has lost, under a new epoch.

        The mark then shows from the first slice on that a repair has begun. If this worker dies during the repair, or
        Redis loses the partition again, no worker takes the part for the whole.
        """
        log.warning("Redis lost partition %d (a wipe or a failover). Writing it again", partition.number)
        partition.new_epoch(EpochReason.CACHE_LOST, int(self._clock.wall() * 1000))
        await self._renew(partition)
        self._mark_all_dirty(partition)

    def _mark_all_dirty(self, partition: OwnedPartition) -> None:
        """Plan to write the document of every customer in a segment, and the active model."""
        self._model_written = None
        partition.cache.dirty.mark_all_dirty()
        partition.cache.marked = None

    def _failed(self, reason: CacheUnavailable) -> None:
        if isinstance(reason, CacheRefused) and not self._proven:
            raise reason
        if self.up:
            log.warning("Redis cannot be used (%s). Documents wait and are written when it is back", reason)
        self.up = False
        self._metrics.redis_up.set(0)
        self._away_until = self._clock.monotonic() + COMPARE_S

    def _answered(self) -> None:
        if not self.up:
            log.warning("Redis is back. Writing the documents that it lacks")
        self.up = True
        self._metrics.redis_up.set(1)


def _sizes(partition: OwnedPartition) -> dict[str, int]:
    """Return the customers per segment as Redis stores them, without empty segments."""
    return {segment: count for segment, count in partition.sizes.items() if count}


def _marked_group(partition: OwnedPartition) -> int | None:
    """Return the group that the mark must still name.

    The result is None when this epoch has not set a mark yet. The first write of an epoch sets one in any case.
    """
    marked = partition.cache.marked
    return marked.group if marked is not None and marked.epoch == partition.position.epoch else None


def _mark_dirty(partition: OwnedPartition, documents: Iterable[Document]) -> None:
    partition.cache.dirty.mark_dirty(document.customer_id.encode() for document in documents)
