"""The loop of an intake: fetch, write, commit; and what happens when partitions come and go."""

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
# So old may the bounds of an idle partition be: after a crash what was written since is read again.
REFRESH_S: Final = 30.0
_LOST_POLL_S: Final = 0.05
_OTHERS_POLL_S: Final = 0.5

Fetched = Mapping[TopicPartition, list[Any]]
Result = TypeVar("Result")


@dataclass(slots=True)
class Summary:
    """What an intake did: source records read, and events and dead letters written for them.

    `already` counts records to write that an earlier run had written, `skipped` source records that their mapping does
    not take.
    """

    records: int = 0
    already: int = 0
    skipped: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)

    def count(self, written: Written) -> None:
        """Count a record that is written."""
        if written.reason is None:
            self.by_topic[written.topic] += 1
        else:
            self.by_reason[written.reason] += 1

    def add(self, other: Summary) -> None:
        """Add what another batch did."""
        self.records += other.records
        self.already += other.already
        self.skipped += other.skipped
        self.by_topic += other.by_topic
        self.by_reason += other.by_reason


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads source partitions as a member of a group, and writes what they hold.

    `consumer` is a started aiokafka consumer whose rebalance listener this is, or will be; `producer` a started
    producer. A batch is written, acknowledged and committed before the next one is. Partitions go only between batches.
    """

    def __init__(self, consumer: Any, producer: Any, planner: Planner, resuming: Resuming) -> None:
        self.summary = Summary()
        self._consumer = consumer
        self._producer = producer
        self._planner = planner
        self._resuming = resuming
        self._busy = asyncio.Lock()
        self._generation = 0  # counts what a rebalance takes and gives
        self._fresh = False  # partitions came, and it is not known yet where to go on
        self._assignment: Assignment | None = None
        self._refreshed_s = 0.0

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        """Let the batch in flight end, and begin no other. Called by aiokafka before it joins the group again."""
        self._lose()
        async with self._busy:
            pass

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        """Have the loop find out where to go on. Called by aiokafka when it has joined the group."""
        self._lose()
        self._fresh = True

    async def run(self, stop: asyncio.Event, until: Mapping[TopicPartition, int] | None = None) -> Summary:
        """Read until `stop` is set, or until the group has read all source partitions up to the offsets `until`.

        Raises BrokerError where the broker does not acknowledge, and KafkaError for what it refuses.
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
        # A rebalance lets this wait until it is over.
        fetching = self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=BATCH_RECORDS)
        fetched = await unless(stop, fetching)
        async with self._busy:
            # Partitions may have gone while this waited: then others read these records.
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
        """Write what was fetched, and commit."""
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
        """Offsets behind what was fetched: behind markers of transactions too, which are no records.

        None where a rebalance has taken partitions already.
        """
        try:
            return {tp: int(await self._consumer.position(tp)) for tp in assignment.owned}
        except IllegalStateError:
            return None

    async def _write(self, fetched: Fetched, assignment: Assignment) -> bool:
        """Write what was fetched, without what is there already. False where partitions went before it was sent."""
        done = Summary(records=sum(map(len, fetched.values())))
        planned: list[tuple[Written, Any, int]] = []
        now_ms = int(self._planner.wall() * 1000)
        for record in chain.from_iterable(fetched.values()):
            planned += self._planned(record, timestamp_ms(record, now_ms), assignment, done)
            # Heartbeats must go on: a record may be a batch of hundreds.
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
        """What is to be written for a record with this timestamp, counted in `done`."""
        planned = self._planner.plan(record)
        done.skipped += not planned
        for member, written in enumerate(planned):
            if assignment.found.has(record, member, stamp):
                done.already += 1
            else:
                done.count(written)
                yield written, record, stamp

    async def _commit(self, *, refresh: bool, only: list[TopicPartition] | None = None) -> None:
        """Commit positions with bounds; `refresh`: with the ends of the destinations as they are now."""
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
            # Others have these partitions now, or will. What was written is theirs to find.
            self._lose()

    async def _refresh(self, assignment: Assignment) -> None:
        """Raise the bounds to the present ends: nothing is in flight, so later records will come behind them."""
        resuming = self._resuming
        # Older bounds are as right, and the next refresh is near.
        with suppress(KafkaError):
            assignment.ends |= await high_watermarks(resuming.broker, resuming.client, resuming.destinations.partitions)

    def _lose(self) -> None:
        self._generation += 1
        self._fresh = False
        self._assignment = None

    async def _reached(self, until: Mapping[TopicPartition, int]) -> bool:
        """Whether the group has read and committed up to these offsets, with other members' partitions."""
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
    """Return the result of `work`; None, with `work` cancelled, as soon as `stop` is set."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopped.cancel()
