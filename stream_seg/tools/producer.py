"""A producer for commands: it waits for all replicas, and says what to do where no broker answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_seg.ops.brokers import NoBroker

BATCH_BYTES: Final = 256 * 1024  # a partition's share of what replay sends at once; Kafka takes up to 1 MiB
REQUEST_TIMEOUT_MS: Final = 30_000
STOP_TIMEOUT_S: Final = 5.0


@asynccontextmanager
async def started_producer(bootstrap: str) -> AsyncIterator[Any]:
    """A producer that waits for all replicas; raises NoBroker when none answers."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await producer.start()
    except KafkaError as error:
        with suppress(KafkaError):
            await producer.stop()
        raise NoBroker(bootstrap) from error
    try:
        yield producer
    finally:
        # Stopping sends what is left; with a broker that is gone that would take as long as every retry.
        with suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), STOP_TIMEOUT_S)
        await producer.client.close()
