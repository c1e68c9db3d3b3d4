"""Thousands of batches in a partition of the embedded broker: a consumer with short fetches gets stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.tools.topics import TopicSpec, create_topics
from stream_seg.worker.faust.embedded_quirks import look_long_enough

BATCHES = 4_000
AT_ONCE = 200
SHORT_MS = 1  # the broker needs about ten times as long to scan so many batches
FETCHES = 60
PATIENT_FETCHES = 600


@asynccontextmanager
async def consumer(broker: Broker, tp: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer at the end of the history, whose fetches are short."""
    started = AIOKafkaConsumer(bootstrap_servers=broker.address, fetch_max_wait_ms=SHORT_MS)
    await started.start()
    try:
        started.assign([tp])
        started.seek(tp, BATCHES - 1)
        yield started
    finally:
        await started.stop()


async def history(broker: Broker, name: str) -> TopicPartition:
    """Yield a partition with one batch per record."""
    await create_topics(broker, [TopicSpec(name, 1, 1)])
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for number in range(BATCHES):
            batch = producer.create_batch()
            batch.append(key=None, value=b"%d" % number, timestamp=None)
            batch.close()
            sent = await producer.send_batch(batch, name, partition=0)
            if number % AT_ONCE == 0 or number == BATCHES - 1:
                await sent
    return TopicPartition(name, 0)


async def comes(broker: Broker, tp: TopicPartition, *, patient: bool) -> bool:
    """Return whether the last record arrives within some fetches."""
    async with consumer(broker, tp) as reading:
        if patient:
            look_long_enough(reading._fetcher)
        for _ in range(PATIENT_FETCHES if patient else FETCHES):
            if await reading.getmany(tp, timeout_ms=50):
                return True
        return False


@pytest.mark.parametrize("patient", [True, False])
def test_a_longer_fetch_finds_records_that_a_short_one_misses(
    embedded_broker: Broker, prefix: str, patient: bool
) -> None:
    async def story() -> bool:
        return await comes(embedded_broker, await history(embedded_broker, f"{prefix}t"), patient=patient)

    assert asyncio.run(story()) == patient
