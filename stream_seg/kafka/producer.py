"""The producer of CLI commands, which is idempotent where the broker supports it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.diagnosis import refused

# One partition's share of the records that replay sends at once. Kafka accepts up to 1 MiB.
BATCH_BYTES: Final = 256 * 1024
STOP_TIMEOUT_S: Final = 5.0
# Longest wait for an acknowledgement. A restarted broker is back by then. A producer would wait without end.
ACKNOWLEDGED_S: Final = 60.0


@asynccontextmanager
async def started_producer(broker: Broker) -> AsyncIterator[Any]:
    """Yield a producer that waits for all replicas. Raises BrokerUnavailable or BrokerRefused when it cannot connect.

    On Kafka it is idempotent, so a batch that is sent again because its answer was lost adds no second record. Without
    idempotence, a customer with more events in the batch than a worker remembers would be counted twice. The embedded
    broker has no idempotence. An idempotent producer retries without end, so wait for it `in_time`.
    """
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=not broker.embedded,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=int(ACKNOWLEDGED_S * 1000),
        compression_type=broker.codec,
        **broker.client_options(),
    )
    try:
        await producer.start()
    except KafkaError as error:
        with suppress(KafkaError):
            await producer.stop()
        raise await refused(error, broker) from error
    try:
        yield producer
    finally:
        # Stopping sends the remaining records. Without a broker that would take as long as every retry.
        with suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), STOP_TIMEOUT_S)
        await producer.client.close()


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Raise KafkaTimeoutError when the block is not done in ACKNOWLEDGED_S seconds."""
    try:
        async with asyncio.timeout(ACKNOWLEDGED_S):
            yield
    except TimeoutError:
        waited = f"no acknowledgement from the broker in {ACKNOWLEDGED_S:.0f} s"
        raise KafkaTimeoutError(f"{waited}: is it running, and are its replicas?") from None
