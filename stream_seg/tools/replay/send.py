"""Send the records of a source to the input topics, at full speed or at a multiple of real time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from operator import length_hint
from typing import Any, Final

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import in_time, started_producer
from stream_seg.settings import Settings

from .batching import Batcher, Batches, Record, Traced
from .inputs import input_partitions
from .pacing import paced

# Records read, batched and sent together. With eight partitions or more they mostly fit one batch per partition.
CHUNK: Final = 4_096


@dataclass(frozen=True)
class Progress:
    """The progress of a replay. All counted records have been acknowledged by the broker."""

    records: int
    total: int | None  # an upper bound, or None if the source knows none
    value_bytes: int
    occurred_at_s: float  # time of the latest event sent, epoch seconds
    elapsed_s: float


@dataclass(frozen=True)
class ReplaySummary:
    """The records that a finished replay has sent. Topics have no prefix."""

    records: int
    by_topic: dict[str, int]
    value_bytes: int
    elapsed_s: float

    @property
    def records_per_s(self) -> float:
        """Records acknowledged per second. This includes reading the source, but not loading it to find its length."""
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

    `speed` is seconds of event time per second (1 is real time), and None means as fast as possible, see
    `pacing.paced`. Order is kept within a partition. The records of a Traced source get its headers. On the embedded
    broker a batch whose answer was lost is sent again and may be stored twice. Workers skip as many of its events as
    they remember ids. Raises BrokerError if broker or topics are missing, refuse a record or stop answering, ValueError
    for a speed that is not above 0, and the errors of the source.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed is {speed:g}; give seconds of event time a second, above 0")
    async with started_producer(broker) as producer:
        partitions = await input_partitions(producer.client, broker, settings)
        batcher = Batcher(producer.create_batch, partitions, source.headers if isinstance(source, Traced) else None)
        run = _Run(producer, settings, on_progress, await asyncio.to_thread(_total, source, limit))
        try:
            async for records in paced(_chunks(islice(source, limit)), speed):
                await run.send(batcher.build(records))
                if speed is not None:
                    await run.settle()  # the next chunk may be hours away
            return await run.finish()
        finally:
            await run.end()


class _Run:
    """One run of a replay. It sends chunk after chunk and counts acknowledged records.

    The next chunk may be built while one is sent. A partition gets a batch only after it has acknowledged the one
    before. Its records are therefore always the first of all that belong there, even if the replay ends early, and
    `--resume` continues after the last of them.
    """

    def __init__(
        self, producer: Any, settings: Settings, on_progress: Callable[[Progress], None] | None, total: int | None
    ) -> None:
        self._producer = producer
        self._names = {topic: settings.topic(topic) for topic in TOPICS}
        self._on_progress = on_progress
        self._total = total
        self._sending: asyncio.Task[None] | None = None
        self._by_topic: Counter[str] = Counter()
        self._value_bytes = 0
        self._occurred_at_s = float("-inf")
        self._begun_s = asyncio.get_running_loop().time()

    async def send(self, batches: Batches) -> None:
        """Begin to send a chunk after the one before is acknowledged. Raises BrokerError."""
        await self.settle()
        self._sending = asyncio.create_task(self._send(batches))

    async def settle(self) -> None:
        """Wait until all records are acknowledged. Raises BrokerError."""
        if self._sending is not None:
            await self._sending

    async def finish(self) -> ReplaySummary:
        """Wait until all records are acknowledged, and return the summary. Raises BrokerError."""
        await self.settle()
        return ReplaySummary(self._by_topic.total(), dict(self._by_topic), self._value_bytes, self._elapsed_s())

    async def end(self) -> None:
        """Stop sending, even if records are not acknowledged yet."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})

    async def _send(self, batches: Batches) -> None:
        try:
            # One batch of every partition, then the next of each, so that they share requests.
            for layer in zip_longest(*batches.queues.values()):
                submitted = [
                    await self._submit(batch, *place)
                    for place, batch in zip(batches.queues, layer, strict=True)
                    if batch is not None
                ]
                async with in_time():
                    await asyncio.gather(*submitted)
        except KafkaError as error:
            raise self._failure(error) from error
        self._count(batches)

    async def _submit(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        batch.close()  # a closed batch leaves at once
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, self._names[topic], partition=partition)
        future.add_done_callback(_retrieve)
        return future

    def _count(self, batches: Batches) -> None:
        self._by_topic += batches.by_topic()
        self._value_bytes += batches.value_bytes
        self._occurred_at_s = max(self._occurred_at_s, batches.occurred_at_s)
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


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Retrieve the failure, so that asyncio does not log it. The first failure ends the replay anyway."""
    if not future.cancelled():
        future.exception()


def _total(source: Iterable[Record], limit: int | None) -> int | None:
    known = length_hint(source, -1)
    if known < 0:
        return limit
    return known if limit is None else min(known, limit)


async def _chunks(records: Iterator[Record]) -> AsyncIterator[list[Record]]:
    # In a thread, because a source may load for seconds while acknowledgements arrive.
    while chunk := await asyncio.to_thread(lambda: list(islice(records, CHUNK))):
        yield chunk
