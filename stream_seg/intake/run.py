"""The loop of an intake: fetch, write and commit, also across rebalances."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeVar

from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream_seg.kafka.append import append_stamped
from stream_seg.kafka.offsets import committed, high_watermarks
from stream_seg.kafka.producer import in_time

from .plan import Planner, Written, timestamp_ms
from .progress import Found, encoded
from .resume import Assignment, Resuming

BATCH_RECORDS: Final = 2_000
FETCH_WAIT_MS: Final = 500
# Maximum age of the bounds of an idle partition. After a crash, records written since then are read again.
REFRESH_S: Final = 30.0
_LOST_POLL_S: Final = 0.05
_OTHERS_POLL_S: Final = 0.5

Fetched = Mapping[TopicPartition, list[Any]]
Result = TypeVar("Result")


@dataclass(slots=True)
class Summary:
    """The result of an intake: source records read, and events and dead letters written for them.

    `already` counts records that an earlier run had written. `skipped` counts source records that their mapping skips.
    """

    records: int = 0
    already: int = 0
    skipped: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)

    def count(self, written: Written) -> None:
        """Count a written record."""
        if written.reason is None:
            self.by_topic[written.topic] += 1
        else:
            self.by_reason[written.reason] += 1

    def add(self, other: Summary) -> None:
        """Add the result of another batch."""
        self.records += other.records
        self.already += other.already
        self.skipped += other.skipped
        self.by_topic += other.by_topic
        self.by_reason += other.by_reason


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A member of the intake's group that reads source partitions and writes their events.

    `consumer` is an aiokafka consumer whose rebalance listener is this object. `producer` is a started producer. Each
    batch is written, acknowledged and committed before the next. Partitions move only between batches.
    """

    def __init__(self, consumer: Any, producer: Any, planner: Planner, resuming: Resuming) -> None:
        self.summary = Summary()
        self._consumer = consumer
        self._producer = producer
        self._planner = planner
        self._resuming = resuming
        self._busy = asyncio.Lock()
        self._generation = 0  # increases with every rebalance
        self._fresh = False  # partitions were assigned, and their positions are not known yet
        self._assignment: Assignment | None = None
        self._refreshed_s = 0.0

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        """Finish the batch in flight, and start no other. Called by aiokafka before it joins the group again."""
        self._lose()
        async with self._busy:
            pass

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        """Make the loop find its positions. Called by aiokafka when it has joined the group."""
        self._lose()
        self._fresh = True

    async def run(self, stop: asyncio.Event, until: Mapping[TopicPartition, int] | None = None) -> Summary:
        """Read until `stop` is set, or until the group has read all source partitions up to the offsets `until`.

        Raises BrokerError if the broker does not acknowledge, and KafkaError if it refuses a request.
        """
        while not stop.is_set() and not (until is not None and await self._reached(until)):
            await self._round(stop)
        async with self._busy:
            await self._commit(refresh=True)
        return self.summary

    async def _round(self, stop: asyncio.Event) -> None:
        generation = self._generation
        if self._fresh:
            async with self._busy:
                await self._resume(generation, stop)
            return
        if self._assignment is None:
            await asyncio.sleep(_LOST_POLL_S)
            return
        # During a rebalance this waits until it is over.
        fetching = self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=BATCH_RECORDS)
        fetched = await unless(stop, fetching)
        async with self._busy:
            # If partitions moved while this waited, another member reads these records.
            if fetched is not None and generation == self._generation:
                await self._take(fetched)

    async def _resume(self, generation: int, stop: asyncio.Event) -> None:
        partitions = self._consumer.assignment()
        found = await self._resuming.resume(partitions, lambda: generation == self._generation and not stop.is_set())
        if found is None or generation != self._generation:
            return
        for tp, owned in found.owned.items():
            self._consumer.seek(tp, owned.position)
        self._fresh, self._assignment = False, found
        await self._commit(refresh=False)

    async def _take(self, fetched: Fetched) -> None:
        """Write the fetched records and commit."""
        assignment = self._assignment
        if assignment is None:
            return
        positions = await self._positions(assignment)
        if positions is None:
            self._lose()
            return
        if fetched and not await self._write(fetched, assignment):
            return
        moved = [tp for tp, position in positions.items() if position != assignment.owned[tp].position]
        for tp in moved:
            assignment.owned[tp].position = positions[tp]
        if all(each.position >= each.settled for each in assignment.owned.values()):
            assignment.found = Found({})
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refreshed_s > REFRESH_S:
            await self._commit(refresh=True)
        elif moved:
            await self._commit(refresh=False, only=moved)

    async def _positions(self, assignment: Assignment) -> dict[TopicPartition, int] | None:
        """Return the offsets after the fetched records, and after markers of transactions, which are not records.

        Returns None if a rebalance has already taken partitions.
        """
        try:
            return {tp: int(await self._consumer.position(tp)) for tp in assignment.owned}
        except IllegalStateError:
            return None

    async def _write(self, fetched: Fetched, assignment: Assignment) -> bool:
        """Write fetched records that are not written yet. Return False if partitions moved before sending."""
        done = Summary(records=sum(map(len, fetched.values())))
        planned: list[tuple[Written, Any, int]] = []
        now_ms = int(self._planner.wall() * 1000)
        for record in chain.from_iterable(fetched.values()):
            planned += self._planned(record, timestamp_ms(record, now_ms), assignment, done)
            # Let heartbeats run, because a record may be a batch of hundreds.
            await asyncio.sleep(0)
        if self._assignment is not assignment:
            return False
        async with in_time():
            appended = await append_stamped(self._producer, self._resuming.destinations.placed(planned))
        for tp, batches in appended.items():
            assignment.ends[tp] = max(batches[-1].last + 1, assignment.ends.get(tp, 0))
        self.summary.add(done)
        return True

    def _planned(
        self, record: Any, stamp: int, assignment: Assignment, done: Summary
    ) -> Iterator[tuple[Written, Any, int]]:
        """Yield the records to write for a record with this timestamp, and count them in `done`."""
        planned = self._planner.plan(record)
        done.skipped += not planned
        for member, written in enumerate(planned):
            if assignment.found.has(record, member, stamp):
                done.already += 1
            else:
                done.count(written)
                yield written, record, stamp

    async def _commit(self, *, refresh: bool, only: list[TopicPartition] | None = None) -> None:
        """Commit positions with bounds. `refresh` first raises the bounds to the present ends of the destinations."""
        assignment = self._assignment
        if assignment is None or not assignment.owned:
            return
        resuming = self._resuming
        if refresh:
            await self._refresh(assignment)
        if only is None:
            self._refreshed_s = asyncio.get_running_loop().time()
        settled = encoded(assignment.ends, resuming.destinations.topics)
        offsets = {}
        for tp in only or assignment.owned:
            bounds = assignment.bounds(tp)
            metadata = settled if bounds is assignment.ends else encoded(bounds, resuming.destinations.topics)
            offsets[tp] = OffsetAndMetadata(assignment.owned[tp].position, metadata)
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            # Other members have these partitions now, or soon. They will find the written records.
            self._lose()

    async def _refresh(self, assignment: Assignment) -> None:
        """Raise the bounds to the present ends. Nothing is in flight, so later records will be after them."""
        resuming = self._resuming
        # Older bounds are also correct, and the next refresh comes soon.
        with suppress(KafkaError):
            assignment.ends |= await high_watermarks(resuming.broker, resuming.client, resuming.destinations.partitions)

    def _lose(self) -> None:
        self._generation += 1
        self._fresh = False
        self._assignment = None

    async def _reached(self, until: Mapping[TopicPartition, int]) -> bool:
        """Return whether the whole group has read and committed up to these offsets."""
        if self._assignment is None:
            return False
        owned = self._assignment.owned
        if any(owned[tp].position < offset for tp, offset in until.items() if tp in owned):
            return False
        others = [tp for tp in until if tp not in owned]
        if others:
            found = await committed(self._resuming.client, self._resuming.group, others)
            if any((found[tp] or 0) < until[tp] for tp in others):
                await asyncio.sleep(_OTHERS_POLL_S)
                return False
        return True


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Return the result of `work`. As soon as `stop` is set, cancel `work` and return None."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopped.cancel()
