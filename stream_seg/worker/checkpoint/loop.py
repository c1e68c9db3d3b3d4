"""The group checkpoint: what gathered is decided at once, and its effects follow one another.

    0 dead letters       -> topic, acknowledged
    1 customer records   -> changelog, each with the changes it decided; last, the partition's header; acknowledged
    2 segment changes    -> topic, exactly as the records carry them; acknowledged
    3 documents          -> Redis, guarded, while 2 is under way; a failure is repaired later and holds up nothing
    4 the same records  -> the store on disk, where there is one, with the offset of the changelog: one write
    5 the Faust events are acknowledged, so that their offsets may be committed

A crash before 1 leaves the input uncommitted: it is read again. After 1 the input is read again too, and the fence
in every record skips it, while recovery sends the changes that 2 may not have sent. What 3 lacks, the mark
{epoch, group} in Redis shows. A store on disk never holds what is not published: before 4 it ends before this group,
which recovery reads from the changelog, its pending changes included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any, Final

from stream_seg.contracts.changes import message_again
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.errors import LeaseLost
from stream_seg.kafka.append import Appended, Message, append_all
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.crash_points import reach
from stream_seg.worker.faust.lease import HeartbeatLease
from stream_seg.worker.partitions import changelog
from stream_seg.worker.partitions.ownership import OwnedPartition

from .absorb import Absorber
from .cache_sync import CacheSync
from .decide import Decider, Written
from .group import Group

# Intake waits while this many records have gathered: memory stays bounded when effects are slow, and a group is
# decided in less than a second. Larger groups write a busy customer less often.
MAX_GATHERED: Final = 100_000
# So many records are absorbed at once, or what there is when the group is taken: at a low rate, where batches are
# of one or two records, the cost of each would be that of dozens.
ABSORBED_TOGETHER: Final = 1_024
# Of a worker that is this far behind nobody waits for the next group: it gathers so many records first, or for so long.
# Of what the same customers do in it, one record, change and document is written.
FAR_BEHIND: Final = 50_000
GATHER_S: Final = 1.0
# How long nothing may happen before the checkpoint looks after Redis by itself.
TICK_S: Final = 1.0


class Checkpoint:
    """Takes groups one after the other and makes their effects. One for everything a worker writes."""

    def __init__(
        self,
        settings: Settings,
        absorber: Absorber,
        decider: Decider,
        mirror: CacheSync,
        lease: HeartbeatLease,
        metrics: Metrics,
        wall: Callable[[], float],
        producer: Callable[[], Any],
        behind: Callable[[], int],
    ) -> None:
        self._changes = settings.topic("segment-changes")
        self._dead_letters = settings.topic("dead-letters")
        self._changelog = settings.changelog
        self._absorber = absorber
        self._decider = decider
        self._mirror = mirror
        self._lease = lease
        self._metrics = metrics
        self._wall = wall
        self._producer = producer
        self._behind = behind
        self._busy = asyncio.Lock()
        self._woken = asyncio.Event()
        self.owned: dict[int, OwnedPartition] = {}
        self.group = self._new_group()
        self._taken_at = -inf
        self._room = asyncio.Event()  # set whenever a group has been taken
        self.paused = True

    def wake(self) -> None:
        """There is something to write."""
        self._woken.set()

    async def wait_for_room(self) -> None:
        """Return when the group that gathers is not full; at once while nothing is written."""
        while not self.paused and self.group.records >= MAX_GATHERED:
            self._room.clear()
            await self._room.wait()

    def gather(self, event: Any, owned: OwnedPartition) -> None:
        """Take the batch of a Faust event into the group that gathers."""
        self.group.take_in(event, owned)
        if self.group.waiting_records >= ABSORBED_TOGETHER:
            self._absorber.absorb(self.group)
        self.wake()

    def show_progress(self) -> None:
        """Show operators how many customers the model in force has still to look at."""
        self._metrics.customers_to_reevaluate.set(sum(len(owned.reevaluate) for owned in self.owned.values()))

    async def run(self) -> None:
        """Write groups until cancelled. An error here is fatal to the worker: it restarts and replays."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._woken.wait()
            self._woken.clear()
            await asyncio.sleep(0)  # others have a turn, even where there is always something to write
            if self._better_fuller():
                continue
            async with self._busy:
                if self.paused:
                    continue
                self._add_slices()
                if self.group:
                    await self._write(self._take())
                if self._leased():
                    await self._mirror.tend(self.owned)
            self.show_progress()
            if self._sliced():
                self._woken.set()

    def _better_fuller(self) -> bool:
        """Whether the group that gathers should grow before it is written."""
        return (
            0 < self.group.records < FAR_BEHIND
            and monotonic() - self._taken_at < GATHER_S
            and not self._sliced()
            and self._behind() >= FAR_BEHIND
        )

    async def drain(self) -> None:
        """Stop: drop what gathered (its input is not acknowledged), wait for the group in flight, confirm it."""
        self.paused = True
        self.group = self._new_group()
        self._room.set()
        async with self._busy:
            if self.owned:
                reach("drained")
                await self._confirm()
                reach("confirmed")

    async def resume(self, owned: Mapping[int, OwnedPartition], still: Callable[[], bool]) -> None:
        """Begin to write for partitions that are `still` ours, first what recovery found unconfirmed."""
        async with self._busy:
            if not still():
                return
            self.owned = dict(owned)
            self.group = self._new_group()
            pending = {
                number: [
                    message_again(value, self._decider.source)
                    for _, values in sorted(held.state.unconfirmed)
                    for value in values
                ]
                for number, held in owned.items()
                if held.state.unconfirmed
            }
            reach("recovered")
            if pending:
                self._lease.check()
                await append_all(self._producer(), self._changes, pending, self._now_ms())
            reach("resumed")
            for held in owned.values():
                held.confirmed = held.group
                held.state.unconfirmed.clear()
            # A rebalance that began meanwhile waits in `drain`, and must not find this running again.
            self.paused = not still()
            self.wake()

    def _leased(self) -> bool:
        """Whether marks in Redis may be judged: to a worker that lost its partitions, their new owner's look wrong."""
        try:
            self._lease.check()
        except LeaseLost:
            return False
        return True

    def _take(self) -> Group:
        group, self.group, self._taken_at = self.group, self._new_group(), monotonic()
        self._room.set()
        return group

    def _new_group(self) -> Group:
        return Group(self._decider.engine.new_batch())

    def _add_slices(self) -> None:
        for owned in self._sliced():
            self.group.partitions[owned.number] = owned

    def _sliced(self) -> list[OwnedPartition]:
        """Partitions whose customers are looked at or written again, slice by slice."""
        return [owned for owned in self.owned.values() if owned.reevaluate or owned.rewrite]

    async def _write(self, group: Group) -> None:
        begun = monotonic()
        self._lease.check()
        # From here to the first await what waits is absorbed, and every customer of the group is evaluated, packed and
        # put into the store: events that arrive during the effects start from what was decided, never from what was
        # before it.
        with self._stage("absorb"):
            self._absorber.absorb(group)
        with self._stage("decide"):
            written = self._decider.decide(group, self._wall())
        reach("decided")
        if group.dead_letters:
            await append_all(self._producer(), self._dead_letters, group.dead_letters, self._now_ms())
            reach("dead-letters")
        with self._stage("changelog"):
            await self._append_records(written)
        reach("changelog")
        # A process that stood still meanwhile may have appended behind the next owner, who decided anew: then these
        # changes must never be told.
        self._lease.check()
        # Both follow from what is durable now, and neither needs the other.
        await asyncio.gather(self._publish_changes(written), self._mirror_documents(written))
        with self._stage("store"):
            for item in written:
                item.owned.state.keep_written()
        reach("stored")
        for event in group.events:
            event.ack()
        reach("acknowledged")
        self._metrics.group_events.observe(group.records)
        self._metrics.group_seconds.observe(monotonic() - begun)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begun = monotonic()
        yield
        self._metrics.stage_seconds.labels(name).inc(monotonic() - begun)

    async def _append_records(self, written: list[Written]) -> None:
        entries = {item.owned.number: item.entries() for item in written}
        appended = await append_all(self._producer(), self._changelog, entries, self._now_ms())
        for item in written:
            self._note_offsets(item.owned, appended[item.owned.number])
            item.owned.state.header = item.header

    def _note_offsets(self, owned: OwnedPartition, appended: list[Appended]) -> None:
        """Keep the changelog position; a jump in it shows that someone else appended."""
        for first, last in appended:
            before = owned.state.offset
            if before is not None and first > before + 1:
                # A worker that had lost the partition wrote here. Readers take the higher epoch, but compaction
                # keeps whatever is last under a key: append every record again behind it.
                self._metrics.foreign_appends.inc()
                owned.rewrite = owned.state.records.scan()
                owned.state.incomplete = True
            owned.state.offset = last

    async def _publish_changes(self, written: list[Written]) -> None:
        changes: dict[int, list[Message]] = {
            item.owned.number: list(item.outbox.values()) for item in written if item.outbox
        }
        if changes:
            with self._stage("changes"):
                await append_all(self._producer(), self._changes, changes, self._now_ms())
            self._metrics.changes.labels(BEHAVIOR).inc(sum(map(len, changes.values())))
        reach("changes")
        for item in written:
            item.owned.confirmed = item.owned.group

    async def _mirror_documents(self, written: list[Written]) -> None:
        with self._stage("redis"):
            await self._mirror.write(written)
        reach("redis")

    async def _confirm(self) -> None:
        """Tell recovery that nothing is pending, so that a restart does not send the last changes again."""
        headers = {
            # What the last group absorbed; what gathered since was dropped, and is read again.
            owned.number: replace(header, epoch=owned.epoch, group=owned.group, confirmed=owned.confirmed)
            for owned in self.owned.values()
            if (header := owned.state.header) is not None and header.confirmed < owned.confirmed
        }
        if not headers:
            return
        self._lease.check()
        messages: dict[int, list[Message]] = {
            number: [(changelog.HEADER_KEY, changelog.pack_header(header), ())] for number, header in headers.items()
        }
        appended = await append_all(self._producer(), self._changelog, messages, self._now_ms())
        for number, header in headers.items():
            state = self.owned[number].state
            self._note_offsets(self.owned[number], appended[number])
            state.header = header
            state.keep_written()

    def _now_ms(self) -> int:
        return int(self._wall() * 1000)
