"""A producer for commands: what it sends arrives once where the broker can tell, and it says what to do otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream_seg.ops.brokers import NoBroker

BATCH_BYTES: Final = 256 * 1024  # a partition's share of what replay sends at once; Kafka takes up to 1 MiB
STOP_TIMEOUT_S: Final = 5.0
# A broker that crashed is back by then; for one that is gone for good a producer would wait without end.
ACKNOWLEDGED_S: Final = 60.0


@asynccontextmanager
async def started_producer(bootstrap: str, *, embedded: bool) -> AsyncIterator[Any]:
    """A producer that waits for all replicas; raises NoBroker when none answers.

    On Kafka it is idempotent: what it sends again because an answer was lost is no second record. Otherwise a batch
    would count twice in which a customer has more events than a worker remembers. The embedded broker cannot do that.
    Such a producer tries for ever: wait for it `in_time`.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=not embedded,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=int(ACKNOWLEDGED_S * 1000),
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


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Raises KafkaTimeoutError when what is awaited within is not acknowledged in ACKNOWLEDGED_S seconds."""
    try:
        async with asyncio.timeout(ACKNOWLEDGED_S):
            yield
    except TimeoutError:
        waited = f"no acknowledgement from the broker in {ACKNOWLEDGED_S:.0f} s"
        raise KafkaTimeoutError(f"{waited}: is it running, and are its replicas?") from None
