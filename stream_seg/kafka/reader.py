"""Reads a topic once, from its beginning to its current end, without a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.diagnosis import answered
from stream_seg.kafka.errors import BrokerError
from stream_seg.kafka.offsets import high_watermarks, log_starts

# There is data until all is read, and both brokers answer at once. The embedded one looks no longer than this for it.
FETCH_WAIT_MS: Final = 5_000
FETCH_BYTES: Final = 4 * 1024 * 1024
STALLED_S: Final = 30.0


async def read_all(
    broker: Broker, topic: str, *, partitions: Collection[int] | None = None
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Yield everything that a topic holds now, as (partition, aiokafka records), in order within each partition.

    `partitions` limits the partitions that are read. Records appended meanwhile are left out. Raises BrokerError when
    the broker or the topic cannot be used, or the broker stops answering.
    """
    ends = await _ends(broker, topic, partitions)
    if not ends:
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
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        async for chunk in _until(consumer, ends):
            yield chunk
    except KafkaError as error:
        raise answered(error, broker) from error
    finally:
        await consumer.stop()


async def _ends(broker: Broker, topic: str, partitions: Collection[int] | None) -> dict[TopicPartition, int]:
    """High watermarks of the partitions that hold records."""
    async with connect(broker) as client:
        found = (await partitions_of(client, [topic])).get(topic)
        if found is None:
            raise BrokerError(f"no such topic: {topic}; create it with `stream-seg topics create`")
        tps = [TopicPartition(topic, number) for number in found if partitions is None or number in partitions]
        starts = await log_starts(client, tps)
        ends = await high_watermarks(broker, client, tps)
    return {tp: end for tp, end in ends.items() if end > starts[tp]}


async def _until(consumer: Any, ends: dict[TopicPartition, int]) -> AsyncIterator[tuple[int, list[Any]]]:
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while ends:
        fetched = await consumer.getmany(*ends, timeout_ms=1000)
        if fetched:
            heard = loop.time()
        elif loop.time() - heard > STALLED_S:
            raise BrokerError(f"the broker has sent nothing for {STALLED_S:.0f} s; is it still running?")
        for tp, records in fetched.items():
            wanted = [record for record in records if record.offset < ends[tp]]
            if wanted:
                yield tp.partition, wanted
            if records[-1].offset + 1 >= ends[tp]:
                consumer.pause(tp)
                del ends[tp]
