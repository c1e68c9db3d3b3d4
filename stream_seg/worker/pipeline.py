"""The pipeline of one worker: where batches and models go, and how partitions come and go."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.ops.metrics import Metrics

from .checkpoint.loop import Checkpoint
from .crash_points import reach
from .faust.table_store import PartitionedStore
from .heap import give_back_memory
from .models.active import Models
from .models.feed import ModelFeed
from .models.samples import Sampling
from .partitions.ownership import OwnedPartition
from .partitions.progress import Ends

log = logging.getLogger(__name__)


class Pipeline:
    """Passes batches and models to the checkpoint, and sends samples. All methods run on the worker's event loop."""

    def __init__(self, checkpoint: Checkpoint, models: Models, sampling: Sampling, clock: Clock = SYSTEM_CLOCK) -> None:
        self.checkpoint = checkpoint
        self._partitions = checkpoint.partitions
        self._models = models
        self._sampling = sampling
        self._clock = clock
        self._absorbed_at = clock.monotonic()

    async def take_in(self, event: Any) -> None:
        """Add the batch of a Faust event to the gathering commit group. Wait while there is no room.

        A batch whose partition moved meanwhile is dropped. The new owner of the partition reads it again.
        """
        generation = self._partitions.generation
        await self.checkpoint.wait_for_room()
        await self._sampling.wait_for_first_model()
        partition = self._partitions.owned.get(event.value.partition)
        if generation != self._partitions.generation or self.checkpoint.paused or partition is None:
            return
        self.checkpoint.gather(event, partition)
        self._absorbed_at = self._clock.monotonic()

    def take_model(self, snapshot: ModelSnapshot, active: bool) -> None:
        """Take a model snapshot from the feed. If it is `active`, evaluate all customers with it, slice by slice."""
        if not self._models.take(snapshot, active):
            return
        self._sampling.model_arrived()
        self.checkpoint.reevaluate(self._partitions.owned.values())
        self.checkpoint.show_progress()
        self.checkpoint.wake()

    async def tend(self) -> None:
        """Send the samples that are due. Called several times per second."""
        if self.checkpoint.paused or not self._models.learned:
            return
        quiet_s = self._clock.monotonic() - self._absorbed_at
        await self._sampling.tend(self._partitions.owned.values(), quiet_s)


class Rebalances:
    """Gives up partitions and takes over new ones. All methods run on the worker's event loop.

    `store` returns the table's store, which recovery fills.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        models: Models,
        feed: ModelFeed,
        store: Callable[[], PartitionedStore],
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._checkpoint = checkpoint
        self._partitions = checkpoint.partitions
        self._models = models
        self._feed = feed
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._unowned_since = clock.monotonic()

    async def revoke(self) -> None:
        """Write the group in flight and drop the gathering one. Called when a rebalance begins."""
        self._partitions.generation += 1
        self._unowned_since = self._clock.monotonic()
        if self._partitions.owned:
            log.info("partitions are being moved; this worker had %s", _numbers(self._partitions.owned))
            reach("revoked")
        await self._checkpoint.drain()

    async def assign(
        self, counted_in: Callable[[], Awaitable[bool]], ask_ends: Callable[[], Awaitable[Mapping[int, Ends]]]
    ) -> None:
        """Take ownership of partitions. Called when their recovery is complete.

        `counted_in` asks the broker whether this worker is still a member of the consumer group. `ask_ends` asks where
        topics end. A rebalance sends no heartbeats, so a worker that took longer than a session, for example to open
        its stores, has lost the partitions.
        """
        generation = self._partitions.generation
        if not await counted_in():
            return
        ends = await ask_ends()
        store = self._store()
        if store.failure is not None:
            raise store.failure
        await self._models.catch_up(self._feed)
        if generation != self._partitions.generation:
            return  # the partitions may belong to other workers by now, and the next assignment tells
        wall_ms, dimensions = int(self._clock.wall() * 1000), self._checkpoint.dimensions
        owned = {
            number: OwnedPartition.take(number, store.partitions[number], wall_ms, known.inputs, dimensions)
            for number, known in sorted(ends.items())
        }
        for number, partition in owned.items():
            partition.check_complete(ends[number].changelog)
            partition.progress.check(number)
            partition.check_half_life(self._partitions.half_life_s)
        self._checkpoint.reevaluate(owned.values())
        # Another rebalance may begin during `resume`. The partitions may then belong to other workers.
        await self._checkpoint.resume(owned, lambda: generation == self._partitions.generation)
        give_back_memory()
        if generation != self._partitions.generation:
            return
        recovery_s = self._clock.monotonic() - self._unowned_since
        self._metrics.partitions_owned.set(len(owned))
        self._metrics.recovery_seconds.set(recovery_s)
        log.info("this worker has partitions %s, after %.1f s", _numbers(owned), recovery_s)

    async def stop(self) -> None:
        """Write the group in flight, confirm it, and forget all state."""
        self._partitions.generation += 1
        self._unowned_since = self._clock.monotonic()
        await self._checkpoint.drain()
        self._store().clear()

    @property
    def idle_s(self) -> float:
        """Seconds since partitions began to be assigned or recovered, or 0 while this worker works."""
        return self._clock.monotonic() - self._unowned_since if self._checkpoint.paused else 0.0


def _numbers(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions))) or "none"
