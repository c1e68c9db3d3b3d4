"""Faust's aiokafka transport, with four seams moved: records, commits, lease and high watermarks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_seg.errors import WorkerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.offsets import high_watermarks

from .embedded_quirks import leave_formed_groups_only, look_long_enough
from .lease import awake_or_not
from .library_log import LIBRARY_LOG

# How often a fetch looks whether input may be fetched again.
HELD_FETCH_S: Final = 0.05
# How long to wait for a broker that does not answer a heartbeat.
BROKER_AGAIN_S: Final = 0.5
# How long to wait until the broker has let this member go. A request of ours to join may stand before it on the same
# connection, and the broker answers that one when the others have joined, too.
LEAVE_WITHIN_S: Final = 5.0
# The member id of one that has not joined, or is not known any more.
NOBODY: Final = JoinGroupRequest.UNKNOWN_MEMBER_ID


def keep_assignments_apart(app: Any) -> None:
    """Leave out what comes of a recovery after the rebalance that ended it.

    Faust goes on with it until the next begins. Its end would pass for the end of the next, in which nothing was read
    yet; an event of it counts as read up to there, so that the next begins behind it.
    """
    recovery, queue = app.tables.recovery, app.tables.changelog_queue
    complete, get = recovery.on_recovery_completed, queue.get

    async def complete_unless_over(generation_id: int = 0) -> None:
        if generation_id == app.consumer_generation_id and not app.consumer.moving:
            await complete(generation_id)

    async def get_unless_over() -> Any:
        while True:
            event = await get()
            if event.message.generation_id == app.consumer_generation_id:
                return event

    recovery.on_recovery_completed, queue.get = complete_unless_over, get_unless_over


def leave_in_time(coordinator: Any) -> None:
    """Give up leaving the group after LEAVE_WITHIN_S: the session runs out instead, and the process can end."""
    leave: Callable[[], Any] = coordinator._maybe_leave_group

    async def left() -> None:
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await leave()
        except TimeoutError:
            coordinator.reset_generation()

    coordinator._maybe_leave_group = left


class NameTaken(KafkaError, WorkerError):  # type: ignore[misc]
    """Another worker has joined the group under this one's INSTANCE_ID, or its session ended, so it must not write.

    A KafkaError because it is raised inside aiokafka's coordinator, which lets only those pass.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"another worker has joined as {self.name!r}, or this one's session ended. Give each worker an INSTANCE_ID"
            " of its own; what gathered is dropped and will be read again"
        )


def _as_it_is(_: Any, record: Any) -> Any:
    return record


class _RawRecords(dict[Any, Any]):
    """Fetched records by partition, which aiokafka hands over as they are.

    Its fetcher wraps every record in a dataclass of eleven fields, a fifth of the cost of an event; offset, key
    and value are all that is read here, and the C records have them.
    """

    def __setitem__(self, tp: Any, fetched: Any) -> None:
        records = getattr(fetched, "_partition_records", None)
        if records is not None:
            records._consumer_record = _as_it_is
        super().__setitem__(tp, fetched)


class _OnThisLoop:
    """Wears the shape of mode's `WorkerThread`, and runs the service as a task of the loop that starts it."""

    def __init__(self, service: BatchConsumerThread) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.get_running_loop().create_task(self._service._serve())
        # What it ends with is told to the application by the service itself.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def stop(self) -> None:
        """Nothing is left to wait for: the service has said that it is shut down."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """What owns aiokafka's consumer: to Faust a thread, here a task of the worker's only loop.

    A thread of its own shares the interpreter all the same. Every poll then waits for the other thread to let go, four
    times: half of the time from a fetched record to its group, at a low rate.
    """

    logger = LIBRARY_LOG
    Worker = _OnThisLoop

    async def _gather_remaining_tasks(self) -> None:
        """The tasks of this loop are the whole worker's."""

    async def on_start(self) -> None:
        """Start the consumer and move the seams that Faust has no setting for."""
        transport: BatchTransport = self.transport
        consumer = self._consumer = self._create_consumer(loop=self.thread_loop)
        # Faust fixes the wait at 1.5 s.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        if not transport.broker.embedded:
            # Events of a transaction that was rolled back never happened.
            consumer._isolation_level = "read_committed"
        self.time_started = monotonic()
        await consumer.start()
        consumer._fetcher._records = _RawRecords()
        self._watch_heartbeats(consumer._coordinator)
        if transport.broker.embedded:
            leave_formed_groups_only(consumer._coordinator)
            look_long_enough(consumer._fetcher)
        leave_in_time(consumer._coordinator)
        keep_assignments_apart(self.app)

    def set_shutdown(self) -> None:
        """Tell the worker that this has ended; after a crash it may not wait for that, and the loop may be closed."""
        with suppress(RuntimeError):
            super().set_shutdown()

    def _watch_heartbeats(self, coordinator: Any) -> None:
        heartbeat: Callable[[], Any] = coordinator._do_heartbeat
        transport: BatchTransport = self.transport

        async def watched() -> bool:
            begun = awake_or_not()
            good: bool = await heartbeat()
            if good:
                transport.last_heartbeat = begun
            elif coordinator._group_instance_id is not None and coordinator.member_id == NOBODY:
                # To the broker this name is somebody else now. To join again would take it back from them, for ever.
                taken = NameTaken(coordinator._group_instance_id)
                self.add_future(self.crash(taken))
                raise taken
            return good

        async def counted_in() -> bool:
            while not await watched():
                if coordinator.member_id == NOBODY:
                    return False
                await asyncio.sleep(BROKER_AGAIN_S)
            return True

        coordinator._do_heartbeat, transport.counted_in = watched, counted_in

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> dict[TopicPartition, Any]:
        """See `BatchConsumer.input_held`.

        Faust changes its set of active partitions while a fetch waits, and empties it when a rebalance begins. An empty
        one means all to aiokafka: it would hand out the changelog before recovery reads it, and never again.
        """
        held: BatchConsumer = self.consumer
        wanted = set(active_partitions)
        if held.input_held:
            wanted, timeout = held.changelog_among(wanted), HELD_FETCH_S
        if not wanted:
            await asyncio.sleep(HELD_FETCH_S)
            return {}
        fetched: dict[TopicPartition, Any] = await super()._fetch_records(
            consumer, wanted, timeout=timeout, max_records=max_records
        )
        if held.input_held:
            # The rebalance began, or another came, while this waited: put back what nobody will take.
            for tp in fetched.keys() - held.changelog_among(held._get_active_partitions()):
                consumer.seek(tp, fetched.pop(tp)[0].offset)
        return fetched

    async def _highwaters(self, partitions: list[TP]) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        tps = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        ends = await high_watermarks(self.transport.broker, consumer._client, tps)
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Commits batches. Acknowledgements come in order, so the last one is all there is to know.

    Faust keeps account of every single offset and stops at a gap; with batches it sees one wherever a batch ends,
    and commits one batch a commit interval.

    And holds the input while partitions move. Faust resumes input before it has sought the committed offsets, and
    throws away what was delivered until it has: nothing brings that back where nothing was committed yet.
    """

    logger = LIBRARY_LOG

    input_held = True
    _input_resumed = False
    moving = False  # a rebalance has begun, and not ended: what resumes now belongs to the assignment before

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

    def changelog_among(self, tps: Iterable[TP]) -> set[TP]:
        """Those partitions that state is recovered from."""
        return {tp for tp in tps if self._is_changelog_tp(tp)}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance begins."""
        self.input_held, self._input_resumed, self.moving = True, False, True
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A rebalance ends; recovery follows."""
        self.input_held, self._input_resumed, self.moving = True, False, False
        self.transport.last_heartbeat = awake_or_not()  # the broker has just counted this worker in
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """The first step of going on: of the changelog when recovery begins, of the input when it is over."""
        resumed = set(tps)
        super().resume_partitions(resumed)
        self._input_resumed |= not self.moving and self.changelog_among(resumed) != resumed

    def resume_flow(self) -> None:
        """The last step of going on."""
        super().resume_flow()
        self.input_held = not self._input_resumed

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        return

    def _new_offset(self, tp: TP) -> int | None:
        acked: list[int] = self._acked[tp]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """Transport of one worker. `last_heartbeat` is when the last good one was sent, on the clock of the lease."""

    Consumer = BatchConsumer

    # Asks the broker whether it counts this worker in, until it answers. False: it will assign anew.
    counted_in: Callable[[], Awaitable[bool]]

    def __init__(self, *args: Any, broker: Broker, fetch_wait_ms: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.broker = broker
        self.fetch_wait_ms = fetch_wait_ms
        self.last_heartbeat = awake_or_not()
