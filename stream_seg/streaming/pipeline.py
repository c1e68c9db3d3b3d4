"""The pipeline of one worker: what happens to a batch, and what happens when partitions come and go."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any, Final

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.times import parse_rfc3339
from stream_seg.core.engine import Engine
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings

from .absorb import Absorber
from .checkpoint import Checkpoint
from .crash_points import reach
from .memory import give_back_memory
from .mirror import Mirror
from .model_feed import ModelFeed
from .ownership import Ends, OwnedPartition, WrongInput
from .publish import append_snapshot
from .samples import Sampling
from .state.store import PartitionedStore

log = logging.getLogger(__name__)

# Intake waits while this many records have gathered: memory stays bounded when effects are slow, and a group is
# decided in less than a second. Larger groups write a busy customer less often.
MAX_GATHERED: Final = 100_000
# So many records are absorbed at once, or what there is when the group is taken: at a low rate, where batches are
# of one or two records, the cost of each would be that of dozens.
ABSORBED_TOGETHER: Final = 1_024


class Pipeline:
    """Joins absorber, checkpoint, models and samples. All methods run on the worker's event loop."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        absorber: Absorber,
        checkpoint: Checkpoint,
        mirror: Mirror,
        feed: ModelFeed,
        sampling: Sampling,
        pinned: ModelSnapshot | None,
        store: Callable[[], PartitionedStore],
        producer: Callable[[], Any],
        wall: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._absorber = absorber
        self.checkpoint = checkpoint
        self._mirror = mirror
        self._feed = feed
        self._sampling = sampling
        self._store = store
        self._producer = producer
        self._wall = wall
        self._metrics = metrics
        self._pinned = pinned
        self._learns = pinned is None
        self._era = 0  # counts rebalances: what was in hand before one is not absorbed after it
        self._absorbed_at = monotonic()
        self._unowned_since = monotonic()
        self.model_made_s: float | None = None  # when the model in force was made, epoch seconds

    # Batches

    async def take_in(self, event: Any) -> None:
        """Take the batch of a Faust event into the group that gathers; waits while there is no room."""
        era = self._era
        while not self.checkpoint.paused and self.checkpoint.group.records >= MAX_GATHERED:
            self.checkpoint.room.clear()
            await self.checkpoint.room.wait()
        await self._sampling.wait_for_first_model()
        owned = self.checkpoint.owned.get(event.value.partition)
        if era != self._era or self.checkpoint.paused or owned is None:
            return  # the partition moved while this waited; whoever has it now reads it again
        group = self.checkpoint.group
        group.take_in(event, owned)
        if group.waiting_records >= ABSORBED_TOGETHER:
            self._absorber.absorb(group)
        self._absorbed_at = monotonic()
        self.checkpoint.wake()

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
        await self._know_models()
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
            self._check_half_life(held)
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
        await self._feed.stop()
        await self._mirror.close()

    def _check_half_life(self, held: OwnedPartition) -> None:
        header, wanted = held.state.header, self._settings.half_life_s
        if header is not None and header.half_life_s != wanted:
            raise WrongInput(
                f"the state decays with a half-life of {header.half_life_s / 86_400:g} days, the settings say"
                f" {self._settings.half_life_days:g}: set STREAM_SEG_HALF_LIFE_DAYS back, or start over with a new"
                " STREAM_SEG_APP_ID"
            )

    # Models

    async def _know_models(self) -> None:
        """Read the snapshots there are; with a pinned model, use that one, and publish it once."""
        await self._feed.catch_up()
        snapshot = self._pinned
        if snapshot is None:
            return
        if self._engine.model is None:
            self._use(snapshot)
        if snapshot.version not in self._feed.versions:
            topic = self._settings.topic("segment-models")
            reach("publishing")
            await append_snapshot(self._producer(), topic, snapshot, self._wall())
            reach("published")

    def on_snapshot(self, snapshot: ModelSnapshot, in_force: bool) -> None:
        """A snapshot was read: remember its names; use it when it is in force and none is pinned."""
        model = snapshot.to_model()
        self._engine.names.learn(model.version, model.names, model.given)
        if not in_force or not self._learns:
            return
        self._use(snapshot)
        self._sampling.model_arrived()
        for held in self.checkpoint.owned.values():
            self._plan_reevaluation(held)
        self.checkpoint.show_progress()
        self.checkpoint.wake()

    def _use(self, snapshot: ModelSnapshot) -> None:
        self._engine.use(snapshot.to_model())
        self._mirror.show_model(snapshot.version, snapshot.dumps())
        self._metrics.model_version.set(snapshot.version)
        self._metrics.model_pinned.set(snapshot.pinned or not self._learns)
        self.model_made_s = parse_rfc3339(snapshot.created_at)

    def _plan_reevaluation(self, held: OwnedPartition) -> None:
        model = self._engine.model
        if model is not None and held.model_version != model.version:
            held.reevaluate = held.state.records.walk()

    # Samples

    async def tend(self) -> None:
        """Send samples that are due; called a few times a second."""
        if self.checkpoint.paused or not self._learns:
            return
        await self._sampling.tend(self.checkpoint.owned.values(), monotonic() - self._absorbed_at)


def _numbers(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions))) or "none"
