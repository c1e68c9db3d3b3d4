"""Faust's aiokafka transport, adapted to batches: fetching, commits, heartbeats and high watermarks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_seg.clock import SYSTEM_CLOCK
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import client_of
from stream_seg.kafka.offsets import high_watermarks

from .assignments import ignore_superseded_recoveries
from .consumer_loop import LoopWorker
from .embedded_quirks import leave_formed_groups_only, look_long_enough
from .fetching import deliver_raw_records, set_fetch_options
from .lease import lease_time
from .library_log import LIBRARY_LOG
from .membership import NameTaken, leave_in_time, watch_heartbeats

# Longest fetch while input is paused, so that resumed input is noticed soon.
PAUSED_FETCH_S: Final = 0.05


class BatchConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The owner of the `AIOKafkaConsumer`. Faust takes it for a thread. `LoopWorker` says why it is none."""

    logger = LIBRARY_LOG
    Worker = LoopWorker

    async def _gather_remaining_tasks(self) -> None:
        """Leave the other tasks of the loop alone when this service stops.

        Patches: `ServiceThread._gather_remaining_tasks`
        Why: mode cancels and awaits all tasks of the thread's loop. This loop is the whole worker's.
        Remove when: `LoopWorker` goes.
        Test: tests/integration/test_consumer_setup.py
        """

    async def on_start(self) -> None:
        """Make and start the consumer, with all patches that it needs.

        Patches: `AIOKafkaConsumerThread._create_consumer`, `AIOKafkaConsumer._coordinator`,
            `AIOKafkaConsumer._fetcher` (all read only)
        Why: Faust's own `on_start` makes and starts the consumer in one step. Some patches must come in between.
        Remove when: Faust has a hook between both, or no patch is left that needs it.
        Test: tests/integration/test_consumer_setup.py
        """
        transport: BatchTransport = self.transport
        embedded = transport.broker.embedded
        consumer = self._consumer = self._create_consumer(loop=self.thread_loop)
        # The embedded broker has no transactions.
        set_fetch_options(consumer, transport.fetch_wait_ms, committed_only=not embedded)
        # Faust compares this with its own readings of the monotonic clock.
        self.time_started = SYSTEM_CLOCK.monotonic()
        await consumer.start()
        deliver_raw_records(consumer)
        coordinator = consumer._coordinator
        transport.counted_in = watch_heartbeats(
            coordinator, transport.now, transport.heartbeat_accepted, self._name_taken
        )
        if embedded:
            leave_formed_groups_only(coordinator)
            look_long_enough(consumer._fetcher)
        leave_in_time(coordinator)
        ignore_superseded_recoveries(self.app)

    def set_shutdown(self) -> None:
        """Report that this service has ended. After a crash the worker may not wait for that, and close the loop."""
        with suppress(RuntimeError):
            super().set_shutdown()

    def _name_taken(self, taken: NameTaken) -> None:
        self.add_future(self.crash(taken))

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> dict[TopicPartition, Any]:
        """Fetch from a copy of the active partitions. While input is paused, fetch only from the changelog.

        Patches: `AIOKafkaConsumerThread._fetch_records`, `Consumer._get_active_partitions` (read only)
        Why: Faust changes its set of active partitions while a fetch waits, and empties it when a rebalance begins. To
            aiokafka an empty set means all partitions. It would hand out the changelog before recovery reads it, and
            never again. See also `BatchConsumer`.
        Remove when: Faust passes a copy of the set, and does not fetch when it is empty.
        Test: tests/integration/test_fetching.py
        """
        owner: BatchConsumer = self.consumer
        wanted = set(active_partitions)
        if owner.input_paused:
            wanted, timeout = owner.changelog_among(wanted), PAUSED_FETCH_S
        if not wanted:
            await asyncio.sleep(PAUSED_FETCH_S)
            return {}
        fetched: dict[TopicPartition, Any] = await super()._fetch_records(
            consumer, wanted, timeout=timeout, max_records=max_records
        )
        if owner.input_paused:
            # A rebalance began while this fetch waited. Seek back, so that the skipped records are read again.
            for tp in fetched.keys() - owner.changelog_among(owner._get_active_partitions()):
                consumer.seek(tp, fetched.pop(tp)[0].offset)
        return fetched

    async def _highwaters(self, partitions: list[TP]) -> Mapping[TP, int]:
        """Return the high watermark of each partition.

        Patches: `AIOKafkaConsumerThread._highwaters`, `AIOKafkaConsumerThread._ensure_consumer` (read only)
        Why: The embedded broker answers ListOffsets with the base offset of the last batch + 1, so recovery would stop
            early.
        Remove when: The embedded broker answers with the end of the log.
        Test: tests/integration/test_consumer_setup.py
        """
        tps = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        ends = await high_watermarks(self.transport.broker, client_of(self._ensure_consumer()), tps)
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, which here commits whole batches and pauses input while partitions move.

    Faust resumes input before it has sought the committed offsets, and drops the records that were delivered until
    then. Where nothing was committed yet, no seek brings them back. So input stays paused until Faust resumes the flow.
    """

    logger = LIBRARY_LOG

    input_paused = True
    moving = False  # a rebalance is in progress, so resumed partitions belong to the assignment before it
    _input_resumed = False

    def _new_consumer_thread(self) -> BatchConsumerThread:
        """Return the service that owns the `AIOKafkaConsumer`.

        Patches: `Consumer._new_consumer_thread`
        Why: Faust has no setting for the class.
        Remove when: `BatchConsumerThread` goes.
        Test: tests/integration/test_consumer_setup.py
        """
        return BatchConsumerThread(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

    def changelog_among(self, tps: Iterable[TP]) -> set[TP]:
        """Return the partitions among `tps` from which state is recovered."""
        return {tp for tp in tps if self._is_changelog_tp(tp)}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Pause input. Called when a rebalance begins."""
        self.input_paused, self._input_resumed, self.moving = True, False, True
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note the end of a rebalance. Recovery follows."""
        self.input_paused, self._input_resumed, self.moving = True, False, False
        # The broker has just accepted this worker as a member.
        self.transport.heartbeat_accepted(self.transport.now())
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Note when input is among the resumed partitions.

        Called first with the changelog, when recovery begins, and with the input when recovery is over.
        """
        resumed = set(tps)
        super().resume_partitions(resumed)
        self._input_resumed |= not self.moving and self.changelog_among(resumed) != resumed

    def resume_flow(self) -> None:
        """Resume input if its partitions were resumed. Called last."""
        super().resume_flow()
        self.input_paused = not self._input_resumed

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no account of gaps between offsets.

        Patches: `Consumer._add_gap`
        Why: See `_new_offset`. An account of gaps that is never read would only grow.
        Remove when: `_new_offset` goes.
        Test: tests/unit/worker/faust/test_commits.py
        """

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset to commit, which follows the last acknowledged batch, or None without any.

        Patches: `Consumer._new_offset`, `Consumer._acked`, `Consumer._acked_index`
        Why: Faust accounts for every offset and stops at a gap. A batch has the offset of its last record, so Faust
            would see a gap before each batch and commit one batch per commit interval. Batches are acknowledged in
            order, so the last one is enough.
        Remove when: Faust can commit up to the last acknowledged offset.
        Test: tests/unit/worker/faust/test_commits.py
        """
        acked: list[int] = self._acked[tp]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """The transport of one worker.

    `last_heartbeat` is when the last accepted heartbeat was sent, on the clock `now` of the lease. `counted_in` asks
    the broker until it answers. It returns False when the broker no longer knows this worker and will assign anew.
    """

    Consumer = BatchConsumer

    counted_in: Callable[[], Awaitable[bool]]

    def __init__(
        self, *args: Any, broker: Broker, fetch_wait_ms: int, now: Callable[[], float] = lease_time, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.broker = broker
        self.fetch_wait_ms = fetch_wait_ms
        self.now = now
        self.last_heartbeat = now()

    def heartbeat_accepted(self, sent_at: float) -> None:
        """Renew the lease from `sent_at`, a time of `now`."""
        self.last_heartbeat = sent_at
