"""The loop of the group checkpoint: a commit group gathers while the one before it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Final

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core.dimensions.base import Dimension
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.crash_points import reach
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition

from .absorb import Absorber
from .decide import Decider
from .effects import Effects
from .group import Group

# Intake waits while a group holds this many records. Memory stays bounded when effects are slow, and a group is decided
# in less than a second. Larger groups write a busy customer less often.
MAX_GATHERED: Final = 100_000
# Records that are absorbed at once, or fewer when the group is taken. At a low rate batches hold one or two records.
# Absorbing each alone would cost as much as absorbing dozens.
ABSORBED_TOGETHER: Final = 1_024
# When a worker is this many records behind, latency does not matter. The group grows to this size, or for GATHER_S
# seconds, because each of its customers costs one record, change and document per group.
FAR_BEHIND: Final = 50_000
GATHER_S: Final = 1.0
# Seconds without a group after which the checkpoint tends Redis anyway.
TICK_S: Final = 1.0


class Checkpoint:
    """Gathers commit groups and writes them one after the other. A worker has one, for all of its partitions."""

    def __init__(
        self,
        partitions: Partitions,
        absorber: Absorber,
        decider: Decider,
        effects: Effects,
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.partitions = partitions
        self._absorber = absorber
        self._decider = decider
        self._effects = effects
        self._metrics = metrics
        self._clock = clock
        self._busy = asyncio.Lock()
        self._woken = asyncio.Event()
        self.group = self._new_group()
        self._taken_at = -inf
        self._room = asyncio.Event()  # set whenever a group has been taken
        self.paused = True

    @property
    def dimensions(self) -> Sequence[Dimension]:
        """The dimensions in which customers are evaluated."""
        return self._decider.engine.dimensions

    def wake(self) -> None:
        """Make the loop look for something to write."""
        self._woken.set()

    async def wait_for_room(self) -> None:
        """Return when the gathering group is not full, or at once while the checkpoint is paused."""
        while not self.paused and self.group.records >= MAX_GATHERED:
            self._room.clear()
            await self._room.wait()

    def gather(self, event: Any, partition: OwnedPartition) -> None:
        """Add the batch of a Faust event to the gathering group."""
        self.group.take_in(event, partition)
        if self.group.waiting_records >= ABSORBED_TOGETHER:
            self._absorber.absorb(self.group)
        self.wake()

    def reevaluate(self, partitions: Iterable[OwnedPartition]) -> None:
        """Plan the evaluation of all customers that the active models and definitions have not evaluated."""
        for partition in partitions:
            partition.reevaluate(self._decider.engine.versions)

    def show_progress(self) -> None:
        """Update the metric of customers that the active models have not evaluated yet."""
        self._metrics.customers_to_reevaluate.set(self.partitions.customers_to_reevaluate())

    async def run(self) -> None:
        """Write groups until cancelled. An error here is fatal to the worker, which restarts and replays."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._woken.wait()
            self._woken.clear()
            await asyncio.sleep(0)  # give other tasks a turn, even when there is always something to write
            if self._better_fuller():
                continue
            async with self._busy:
                if self.paused:
                    continue
                self._add_sweeps()
                if self.group:
                    await self._write(self._take())
                await self._effects.tend_cache(self.partitions.owned)
            self.show_progress()
            if self.partitions.swept():
                self._woken.set()

    def _better_fuller(self) -> bool:
        """Return whether the gathering group should grow before it is written."""
        return (
            0 < self.group.records < FAR_BEHIND
            and self._clock.monotonic() - self._taken_at < GATHER_S
            and not self.partitions.swept()
            and self.partitions.behind() >= FAR_BEHIND
        )

    async def drain(self) -> None:
        """Pause, wait for the group in flight, and confirm it.

        The gathering group is dropped. Its input is not acknowledged and is read again.
        """
        self.paused = True
        self.group = self._new_group()
        self._room.set()
        async with self._busy:
            if self.partitions.owned:
                reach("drained")
                await self._effects.confirm(self.partitions.owned.values())
                reach("confirmed")

    async def resume(self, owned: Mapping[int, OwnedPartition], still: Callable[[], bool]) -> None:
        """Begin to write for newly assigned partitions, after publishing the changes that recovery found unconfirmed.

        `still` tells whether the partitions are still assigned to this worker.
        """
        async with self._busy:
            if not still():
                return
            self.partitions.owned = dict(owned)
            self.group = self._new_group()
            await self._effects.take_over(owned.values(), self._decider.source)
            # A rebalance that began meanwhile waits in `drain`, and must not find this running again.
            self.paused = not still()
            self.wake()

    def _take(self) -> Group:
        group, self.group, self._taken_at = self.group, self._new_group(), self._clock.monotonic()
        self._room.set()
        return group

    def _new_group(self) -> Group:
        return Group(self._decider.engine.new_batch())

    def _add_sweeps(self) -> None:
        """Make the group write the partitions whose customers are evaluated or written again, slice by slice."""
        for partition in self.partitions.swept():
            self.group.partitions[partition.number] = partition

    async def _write(self, group: Group) -> None:
        began = self._clock.monotonic()
        self._effects.check_lease()
        # There is no await until the store has every record of the group. Events that arrive during the effects
        # therefore start from the decided records, never from the records before them.
        with self._effects.stage("absorb"):
            self._absorber.absorb(group)
        with self._effects.stage("decide"):
            outputs = self._decider.decide(group, self._clock.wall())
        reach("decided")
        await self._effects.write(group, outputs)
        self._metrics.group_events.observe(group.records)
        self._metrics.group_seconds.observe(self._clock.monotonic() - began)
