"""Reads topics once, from their beginning or a given offset to their current end, without a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.diagnosis import answered
from stream_seg.kafka.offsets import high_watermarks, log_starts

# Both brokers answer at once while there is data. The embedded one searches no longer than this for it.
FETCH_WAIT_MS: Final = 5_000
FETCH_BYTES: Final = 4 * 1024 * 1024
STALLED_S: Final = 30.0


async def read_all(
    broker: Broker, topic: str, *, partitions: Collection[int] | None = None
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Yield all records that a topic has now, as (partition, aiokafka records), in order within each partition.

    `partitions` limits the partitions that are read. Records that are appended meanwhile are left out. Raises
    BrokerError when the broker or the topic cannot be used, or the broker stops answering.
    """
    starts, ends = await _bounds(broker, topic, partitions)
    async for tp, records in read_between(broker, starts, ends):
        yield tp.partition, records


async def read_between(
    broker: Broker, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, list[Any]]]:
    """Yield the records of partitions from a first offset up to an end (excluded), in order within each partition.

    `starts` and `ends` name the same partitions. If retention has removed a start, reading begins at the oldest record.
    Raises BrokerError when the broker cannot be used, or stops answering.
    """
    wanted = {tp: end for tp, end in ends.items() if starts[tp] < end}
    if not wanted:
        return
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        **broker.client_options(),
    )
    try:
        await consumer.start()
        consumer.assign(list(wanted))
        for tp in wanted:
            consumer.seek(tp, starts[tp])
        async for chunk in _until(consumer, wanted):
            yield chunk
    except KafkaError as error:
        raise answered(error, broker) from error
    finally:
        await consumer.stop()


async def _bounds(
    broker: Broker, topic: str, partitions: Collection[int] | None
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Return the first offsets and high watermarks of the partitions of a topic."""
    async with connect(broker) as client:
        found = (await partitions_of(client, [topic])).get(topic)
        if found is None:
            raise BrokerError(f"no such topic: {topic}; create it with `stream-seg topics create`")
        tps = [TopicPartition(topic, number) for number in found if partitions is None or number in partitions]
        return await log_starts(client, tps), await high_watermarks(broker, client, tps)


async def _until(consumer: Any, ends: dict[TopicPartition, int]) -> AsyncIterator[tuple[TopicPartition, list[Any]]]:
    loop = asyncio.get_running_loop()
    received_at = loop.time()
    while ends:
        fetched = await consumer.getmany(*ends, timeout_ms=1000)
        if fetched:
            received_at = loop.time()
        elif loop.time() - received_at > STALLED_S:
            raise BrokerError(f"the broker has sent nothing for {STALLED_S:.0f} s; is it still running?")
        bounds = dict(ends)
        # Pause finished partitions before the next fetch, which would wait for new records and delay the others.
        for tp in bounds:
            # Compare positions, because transaction markers after the last record are no records.
            if await consumer.position(tp) >= ends[tp]:
                consumer.pause(tp)
                del ends[tp]
        for tp, records in fetched.items():
            wanted = [record for record in records if record.offset < bounds[tp]]
            if wanted:
                yield tp, wanted
