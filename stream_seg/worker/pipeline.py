"""The pipeline of one worker: what happens to a batch, and what happens when partitions come and go."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any

from stream_seg.core.engine import Engine
from stream_seg.ops.metrics import Metrics

from .checkpoint.loop import Checkpoint
from .crash_points import reach
from .faust.table_store import PartitionedStore
from .heap import give_back_memory
from .models.active import Models
from .models.samples import Sampling
from .partitions.ownership import Ends, OwnedPartition

log = logging.getLogger(__name__)


class Pipeline:
    """Joins checkpoint, models and samples. All methods run on the worker's event loop."""

    def __init__(
        self,
        engine: Engine,
        checkpoint: Checkpoint,
        models: Models,
        sampling: Sampling,
        store: Callable[[], PartitionedStore],
        wall: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self.checkpoint = checkpoint
        self._models = models
        self._sampling = sampling
        self._store = store
        self._wall = wall
        self._metrics = metrics
        self._era = 0  # counts rebalances: what was in hand before one is not absorbed after it
        self._absorbed_at = monotonic()
        self._unowned_since = monotonic()

    # Batches

    async def take_in(self, event: Any) -> None:
        """Take the batch of a Faust event into the group that gathers; waits while there is no room."""
        era = self._era
        await self.checkpoint.wait_for_room()
        await self._sampling.wait_for_first_model()
        owned = self.checkpoint.owned.get(event.value.partition)
        if era != self._era or self.checkpoint.paused or owned is None:
            return  # the partition moved while this waited; whoever has it now reads it again
        self.checkpoint.gather(event, owned)
        self._absorbed_at = monotonic()

    # Partitions

    async def revoke(self) -> None:
        """Partitions may go: write what is in flight, drop what gathered."""
        self._era += 1
        self._unowned_since = monotonic()
        if self.checkpoint.owned:
            log.info("partitions are being moved; this worker had %s", _numbers(self.checkpoint.owned))
            reach("revoked")
        await self.checkpoint.drain()

    async def assign(
        self, counted_in: Callable[[], Awaitable[bool]], ask_ends: Callable[[], Awaitable[Mapping[int, Ends]]]
    ) -> None:
        """Recovery is done: take ownership of partitions.

        The broker is asked whether this worker is still `counted_in`, and where topics end: during a rebalance there
        are no heartbeats, and what took longer than a session, such as opening stores, has cost the partitions.
        """
        era = self._era
        if not await counted_in():
            return
        ends = await ask_ends()
        store = self._store()
        if store.failure is not None:
            raise store.failure
        await self._models.catch_up()
        if era != self._era:
            return  # they may be others' by now, and are forgotten here; the next assignment says which are ours
        wall_ms = int(self._wall() * 1000)
        owned = {
            number: OwnedPartition.take(number, store.partitions[number], wall_ms, known.inputs)
            for number, known in sorted(ends.items())
        }
        for number, held in owned.items():
            held.check_whole(ends[number].changelog)
            held.check_inputs()
            held.check_half_life(self._engine.rules.decay.half_life_s)
            self._plan_reevaluation(held)
        # Another rebalance may begin while this one ends; then these partitions may be others' by now.
        await self.checkpoint.resume(owned, lambda: era == self._era)
        give_back_memory()
        if era != self._era:
            return
        recovery_s = monotonic() - self._unowned_since
        self._metrics.partitions_owned.set(len(owned))
        self._metrics.recovery_seconds.set(recovery_s)
        log.info("this worker has partitions %s, after %.1f s", _numbers(owned), recovery_s)

    async def stop(self) -> None:
        """Write what is in flight, and leave nothing pending."""
        self._era += 1
        await self.checkpoint.drain()
        self._store().clear()

    @property
    def idle_s(self) -> float:
        """Seconds for which partitions have been assigned or recovered; 0 while this worker works."""
        return monotonic() - self._unowned_since if self.checkpoint.paused else 0.0

    # Models

    def model_changed(self) -> None:
        """Another model is in force: everybody is looked at with it."""
        self._sampling.model_arrived()
        for held in self.checkpoint.owned.values():
            self._plan_reevaluation(held)
        self.checkpoint.show_progress()
        self.checkpoint.wake()

    def _plan_reevaluation(self, held: OwnedPartition) -> None:
        model = self._engine.model
        if model is not None and held.model_version != model.version:
            held.reevaluate = held.state.records.scan()

    # Samples

    async def tend(self) -> None:
        """Send samples that are due; called a few times a second."""
        if self.checkpoint.paused or not self._models.learned:
            return
        await self._sampling.tend(self.checkpoint.owned.values(), monotonic() - self._absorbed_at)


def _numbers(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions))) or "none"
