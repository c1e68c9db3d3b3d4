"""Replays a source into the input topics: as fast as the broker takes it, or at a multiple of real time."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from operator import length_hint
from time import time
from typing import Any, Final, Protocol

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream_seg.contracts.partitioning import partitions_of
from stream_seg.core.vocabulary import TOPICS
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import partitions_of as partitions_of_topics
from stream_seg.kafka.diagnosis import answered
from stream_seg.kafka.errors import BrokerError
from stream_seg.kafka.producer import in_time, started_producer
from stream_seg.settings import Settings

CHUNK: Final = 8_192  # records read, batched and sent together
CHUNKS_IN_FLIGHT: Final = 2
LAST_MOMENT_S: Final = 253_402_300_800.0  # of the year 9999; a later one is in another unit, and is not waited for
SHORTEST_WAIT_S: Final = 0.002  # of a paced replay; what falls due within it goes out together


class Record(Protocol):
    """What is sent: `topic` without prefix, customer id as `key`, event as `value`, its time in epoch seconds."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes: ...
    @property
    def occurred_at_s(self) -> float: ...


@dataclass(frozen=True)
class Progress:
    """How far a replay is; all that is counted has been acknowledged by the broker."""

    records: int
    total: int | None  # None where the source cannot tell; some sources only know that it will not be more
    value_bytes: int
    occurred_at_s: float  # how far the replay is in the time of the events, epoch seconds
    elapsed_s: float


@dataclass(frozen=True)
class ReplaySummary:
    """What a finished replay has sent, by topic (without prefix)."""

    records: int
    by_topic: dict[str, int]
    value_bytes: int
    elapsed_s: float

    @property
    def records_per_s(self) -> float:
        """Records acknowledged a second, reading the source included (but not what it loads to tell its length)."""
        return self.records / self.elapsed_s if self.elapsed_s > 0 else 0.0


async def replay(
    source: Iterable[Record],
    *,
    broker: Broker,
    settings: Settings,
    speed: float | None = None,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ReplaySummary:
    """Send a source's records (the first `limit` of them) and wait until all are acknowledged.

    `speed` is seconds of event time a second (1 is real time), None is as fast as possible. Time counts from the first
    record whose time is known; one that is late in event time, or whose time is not known, goes out at once. Order is
    kept within a partition. On the embedded broker a batch that is sent again for a lost answer may add second records.
    Workers recognize them by as many event ids as they remember. Raises BrokerError when broker or topics are not
    there, refuse a record or stop answering, ValueError for a speed not above 0, and all that the source raises.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed is {speed:g}; give seconds of event time a second, above 0")
    async with started_producer(broker) as producer:
        partitions = await _partitions(producer, broker, settings)
        run = _Run(_Sender(producer, settings, partitions), on_progress, await asyncio.to_thread(_total, source, limit))
        async for records in paced(_chunks(islice(source, limit)), speed):
            await run.send(records)
            if speed is not None:
                await run.settle()  # the next may be hours away
        return await run.finish()


def due(records: Sequence[Record], begin: int, occurred_at_s: float) -> int:
    """The end of the run of records from `begin` on that have occurred by a time, or at a time that is not known."""
    later = (i for i in range(begin, len(records)) if occurred_at_s < records[i].occurred_at_s < LAST_MOMENT_S)
    return next(later, len(records))


def first_moment(records: Sequence[Record]) -> float | None:
    """The first time that is known, epoch seconds."""
    return next((each.occurred_at_s for each in records if 0.0 <= each.occurred_at_s < LAST_MOMENT_S), None)


class _Sender:
    """Builds and submits batches; the futures it returns end when the broker has acknowledged them."""

    def __init__(self, producer: Any, settings: Settings, partitions: int) -> None:
        self._producer = producer
        self._names = {topic: settings.topic(topic) for topic in TOPICS}
        self._partitions = partitions

    async def send(self, records: Sequence[Record]) -> list[asyncio.Future[Any]]:
        """Submit records; waits while the broker is behind."""
        queues = self._batches(records)
        submitted = []
        # One batch of every partition, then the next of each: they share requests.
        for layer in zip_longest(*queues.values()):
            for (topic, partition), batch in zip(queues, layer, strict=True):
                if batch is not None:
                    batch.close()  # a closed batch leaves at once
                    future = await self._producer.send_batch(batch, self._names[topic], partition=partition)
                    future.add_done_callback(_seen)
                    submitted.append(future)
        return submitted

    def _batches(self, records: Sequence[Record]) -> dict[tuple[str, int], list[Any]]:
        now_ms = int(time() * 1000)
        queues: dict[tuple[str, int], list[Any]] = {}
        partitions = partitions_of([record.key for record in records], self._partitions).tolist()
        for record, partition in zip(records, partitions, strict=True):
            to = (record.topic, partition)
            queue = queues.get(to)
            if queue is None:
                queue = queues[to] = [self._producer.create_batch()]
            if queue[-1].append(timestamp=now_ms, key=record.key, value=record.value) is None:
                queue.append(self._producer.create_batch())
                queue[-1].append(timestamp=now_ms, key=record.key, value=record.value)  # the first always fits
        return queues


def _seen(future: asyncio.Future[Any]) -> None:
    """The first failure ends the replay; that nobody asks for the others is no news for the log."""
    if not future.cancelled():
        future.exception()


class _Run:
    """Keeps a bounded number of chunks in flight and counts what has been acknowledged."""

    def __init__(self, sender: _Sender, on_progress: Callable[[Progress], None] | None, total: int | None) -> None:
        self._sender = sender
        self._on_progress = on_progress
        self._total = total
        self._in_flight: deque[tuple[Sequence[Record], list[asyncio.Future[Any]]]] = deque()
        self._by_topic: Counter[str] = Counter()
        self._value_bytes = 0
        self._occurred_at_s = float("-inf")
        self._begun_s = asyncio.get_running_loop().time()

    async def send(self, records: Sequence[Record]) -> None:
        """Submit records, once there is room."""
        while len(self._in_flight) >= CHUNKS_IN_FLIGHT:
            await self._acknowledged()
        try:
            self._in_flight.append((records, await self._sender.send(records)))
        except KafkaError as error:
            raise self._failure(error) from error

    async def settle(self) -> None:
        """Wait for what is in flight."""
        while self._in_flight:
            await self._acknowledged()

    async def finish(self) -> ReplaySummary:
        """Wait for what is in flight, and say what was sent."""
        await self.settle()
        return ReplaySummary(self._by_topic.total(), dict(self._by_topic), self._value_bytes, self._elapsed_s())

    async def _acknowledged(self) -> None:
        records, submitted = self._in_flight.popleft()
        try:
            async with in_time():
                await asyncio.gather(*submitted)
        except KafkaError as error:
            raise self._failure(error) from error
        self._by_topic.update(record.topic for record in records)
        self._value_bytes += sum(len(record.value) for record in records)
        self._occurred_at_s = max(self._occurred_at_s, max(record.occurred_at_s for record in records))
        if self._on_progress is not None:
            self._on_progress(
                Progress(self._by_topic.total(), self._total, self._value_bytes, self._occurred_at_s, self._elapsed_s())
            )

    def _elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - self._begun_s

    def _failure(self, error: BaseException) -> BrokerError:
        what = str(error) or type(error).__name__
        if isinstance(error, MessageSizeTooLargeError):
            what = "a record is larger than the broker accepts; leave it out, or raise the topic's max.message.bytes"
        return BrokerError(f"sending failed after {self._by_topic.total():,} acknowledged records: {what}")


async def _partitions(producer: Any, broker: Broker, settings: Settings) -> int:
    """How many partitions each of the input topics has."""
    names = [settings.topic(topic) for topic in TOPICS]
    try:
        counts = {name: len(found) for name, found in (await partitions_of_topics(producer.client, names)).items()}
    except KafkaError as error:
        raise answered(error, broker) from error
    if missing := [name for name in names if name not in counts]:
        raise BrokerError(f"no topic {', '.join(missing)} at {broker.address}; run `stream-seg topics create`")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise BrokerError(f"input topics differ in partitions ({listed}); `stream-seg topics check` says what to do")
    return counts[names[0]]


def _total(source: Iterable[Record], limit: int | None) -> int | None:
    known = length_hint(source, -1)
    if known < 0:
        return limit
    return known if limit is None else min(known, limit)


async def _chunks(records: Iterator[Record]) -> AsyncIterator[list[Record]]:
    # In a thread, because a source may load for seconds, and meanwhile the loop has acknowledgements to take.
    while chunk := await asyncio.to_thread(lambda: list(islice(records, CHUNK))):
        yield chunk


async def paced(chunks: AsyncIterator[list[Record]], speed: float | None) -> AsyncIterator[Sequence[Record]]:
    """Chunks as they are, or what of them is due; `speed` as in `replay`."""
    loop = asyncio.get_running_loop()
    begun_s, first_s = loop.time(), None
    async for chunk in chunks:
        if speed is None:
            yield chunk
            continue
        if first_s is None:
            begun_s, first_s = loop.time(), first_moment(chunk)
        if first_s is None:
            yield chunk
            continue
        begin = 0
        while begin < len(chunk):
            end = due(chunk, begin, first_s + (loop.time() - begun_s) * speed)
            if end > begin:
                yield chunk[begin:end]
                begin = end
            else:
                wait_s = (chunk[begin].occurred_at_s - first_s) / speed - (loop.time() - begun_s)
                await asyncio.sleep(max(wait_s, SHORTEST_WAIT_S))
