"""The mirror: Redis is made to hold what the topic of changes says, and made whole again when it lost something."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Final

from stream_seg.cache.port import Cache, Mark, PartitionWrite
from stream_seg.contracts.document import Document
from stream_seg.core.dimensions.behavior import BEHAVIOR, segment_id
from stream_seg.core.engine import Engine
from stream_seg.errors import CacheRefused, CacheUnavailable
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.crash_points import reach
from stream_seg.worker.partitions.ownership import OwnedPartition

from .decide import Written
from .documents import stored_document

log = logging.getLogger(__name__)

# Documents that one round trip repairs, beside those that changed.
REPAIR_SLICE: Final = 2000
# How long repairs go on at a time: live events wait meanwhile.
REPAIR_S: Final = 0.05
# How often marks are compared, and how long Redis is left alone after it failed.
COMPARE_S: Final = 1.0


class CacheSync:
    """Writes documents and marks through a `Cache`. An unavailable cache is retried and raises nothing.

    A cache that refuses this worker before the first write has succeeded was set up wrongly: then CacheRefused is
    raised. Later on, a refusal counts as an outage, since credentials may be changed while workers run.
    """

    def __init__(self, cache: Cache, engine: Engine, metrics: Metrics, wall: Callable[[], float]) -> None:
        self._cache = cache
        self._engine = engine
        self._metrics = metrics
        self._wall = wall
        self._away_until = 0.0
        self._compared_at = 0.0
        self._model: tuple[int, bytes] | None = None
        self._model_written: int | None = None
        self.up = True
        self._proven = False  # whether a write has succeeded

    async def write(self, written: Iterable[Written]) -> None:
        """Write what a group decided; what cannot be written now is remembered as dirty."""
        items = list(written)
        if monotonic() >= self._away_until and all(item.owned.compared for item in items):
            await self._send([(item.owned, item.documents) for item in items])
            return
        for item in items:
            _soil(item.owned, item.documents)

    async def tend(self, owned: Mapping[int, OwnedPartition]) -> None:
        """Repair a slice of what is dirty, and see every second whether Redis still holds every partition."""
        now = monotonic()
        self._metrics.redis_dirty_customers.set(sum(len(held.dirty) for held in owned.values()))
        if now < self._away_until or not owned:
            return
        if now - self._compared_at >= COMPARE_S or any(not held.compared for held in owned.values()):
            if not await self._compare(owned):
                return
            self._compared_at = now
        if not await self._show_model():
            return
        while any(held.dirty for held in owned.values()):
            if not await self._send([(held, []) for held in owned.values() if held.dirty]):
                return
            reach("repairing")
            if monotonic() - now > REPAIR_S:
                return

    def show_model(self, version: int, snapshot: bytes) -> None:
        """The model in force, for readers: written with the next `tend`, and again whenever Redis lost it."""
        self._model = (version, snapshot)

    async def close(self) -> None:
        """Give connections back."""
        await self._cache.aclose()

    async def _show_model(self) -> bool:
        if self._model is None or self._model[0] == self._model_written:
            return True
        try:
            await self._cache.set_model(self._model[1])
        except CacheUnavailable as reason:
            self._fell(reason)
            return False
        self._model_written = self._model[0]
        return True

    async def _compare(self, owned: Mapping[int, OwnedPartition]) -> bool:
        try:
            marks = await self._cache.marks(list(owned))
        except CacheUnavailable as reason:
            self._fell(reason)
            return False
        self._rose()
        for number, held in owned.items():
            if marks[number] != held.marked:
                if held.compared:
                    self._lost(held)
                else:
                    self._soil_all(held)
            held.compared = True
        return True

    async def _send(self, items: list[tuple[OwnedPartition, list[Document]]]) -> bool:
        """Write documents that changed and a slice of dirty ones; whether Redis took them."""
        batches = []
        cleaned: list[tuple[OwnedPartition, list[bytes]]] = []
        for owned, documents in items:
            repaired = owned.dirty.first(REPAIR_SLICE)
            held = (self._stored(owned, key) for key in repaired)
            whole = [*(document for document in held if document), *documents]
            after = _marked_group(owned)
            # The mark names the last group only when nothing of it or before it is missing any more.
            group = owned.group if len(repaired) == len(owned.dirty) else after or 0
            batches.append(PartitionWrite(owned.number, owned.epoch, group, whole, self._sizes(owned), after))
            cleaned.append((owned, repaired))
        try:
            result = await self._cache.write(batches)
        except CacheUnavailable as reason:
            self._fell(reason)
            for owned, documents in items:
                _soil(owned, documents)
            return False
        self._rose()
        self._proven = True
        for batch, (owned, repaired) in zip(batches, cleaned, strict=True):
            owned.dirty.clean(repaired)
            owned.marked = Mark(batch.epoch, batch.group)
            if owned.number in result.unmarked:
                self._lost(owned)
        return True

    def _stored(self, owned: OwnedPartition, key: bytes) -> Document | None:
        record = owned.state.records.get(key)
        return None if record is None else stored_document(key, record, self._engine, owned.epoch)

    def _lost(self, owned: OwnedPartition) -> None:
        log.warning("Redis lost partition %d (a wipe or a failover); writing it again", owned.number)
        # A new epoch, so that the mark says from its first slice on that a repair has begun: should this worker
        # die in the middle, or Redis lose it all again, nobody takes half a partition for a whole one.
        owned.epoch = max(owned.epoch + 1, int(self._wall() * 1000))
        self._soil_all(owned)

    def _soil_all(self, owned: OwnedPartition) -> None:
        """Every customer in a segment needs its document written; the model in force too."""
        self._model_written = None
        owned.dirty.mark_all_dirty()
        owned.marked = None

    def _sizes(self, owned: OwnedPartition) -> dict[str, int]:
        return {f"{BEHAVIOR}:{segment_id(index)}": count for index, count in sorted(owned.sizes.items()) if count}

    def _fell(self, reason: CacheUnavailable) -> None:
        if isinstance(reason, CacheRefused) and not self._proven:
            raise reason
        if self.up:
            log.warning("Redis cannot be used (%s); documents wait and are written when it is back", reason)
        self.up = False
        self._metrics.redis_up.set(0)
        self._away_until = monotonic() + COMPARE_S

    def _rose(self) -> None:
        if not self.up:
            log.warning("Redis is back; writing what it lacks")
        self.up = True
        self._metrics.redis_up.set(1)


def _marked_group(owned: OwnedPartition) -> int | None:
    """The group that the mark must still name; None where this epoch has not marked yet, and may in any case."""
    marked = owned.marked
    return marked.group if marked is not None and marked.epoch == owned.epoch else None


def _soil(owned: OwnedPartition, documents: Iterable[Document]) -> None:
    owned.dirty.mark_dirty(document.customer_id.encode() for document in documents)
