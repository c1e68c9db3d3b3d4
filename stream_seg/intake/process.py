"""One intake from connection to end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from stream_seg.contracts.mapping import EventMapping
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import check_group, connect
from stream_seg.kafka.offsets import high_watermarks
from stream_seg.kafka.producer import ACKNOWLEDGED_S, started_producer
from stream_seg.settings import Settings
from stream_seg.worker.faust.embedded_quirks import leave_formed_groups_only, look_long_enough

from .plan import Planner
from .resume import Resuming
from .run import Intake, Summary, unless
from .topics import find_destinations, find_sources

# A batch in flight is let end before partitions go.
_REBALANCE_S: Final = ACKNOWLEDGED_S + 10
# As a worker's: the embedded broker makes the first member of a group wait half of its rebalance timeout.
_EMBEDDED_SESSION_S: Final = 6.0
_SCAN_MS: Final = 86_400_000


async def run_intake(
    broker: Broker, settings: Settings, mappings: Mapping[str, EventMapping], *, once: bool, stop: asyncio.Event
) -> Summary:
    """Run one member of the intake's group until `stop` is set; `once`: until all that is there now is read.

    Raises BrokerError when the broker or a topic cannot be used.
    """
    planner = Planner(Placeholders(settings.placeholder_ids), mappings, time)
    async with connect(broker) as client:
        sources = await find_sources(client, settings)
        destinations = await find_destinations(client, settings)
        await check_group(client, settings.intake_group)
        resuming = Resuming(broker, client, settings.intake_group, destinations)
        consumer = consumer_of(broker, settings)
        try:
            # The producer ends first: while it sends what is left, no other member may have these partitions.
            async with started_producer(broker) as producer:
                intake = Intake(consumer, producer, planner, resuming)
                consumer.subscribe(list(settings.intake_topics), listener=intake)
                if await unless(stop, _started(consumer, broker)) is None:
                    return intake.summary
                until = await _ends(consumer, resuming, sources) if once else None
                return await intake.run(stop, until)
        finally:
            await consumer.stop()


def consumer_of(broker: Broker, settings: Settings) -> Any:
    """Return a consumer of the intake's group, not started. It reads no records of transactions that were aborted."""
    session_s = _EMBEDDED_SESSION_S if broker.embedded else settings.session_timeout_s
    rebalance_s = _EMBEDDED_SESSION_S if broker.embedded else _REBALANCE_S
    return AIOKafkaConsumer(
        group_id=settings.intake_group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The embedded broker has no transactions.
        isolation_level="read_uncommitted" if broker.embedded else "read_committed",
        session_timeout_ms=int(session_s * 1000),
        heartbeat_interval_ms=int(session_s * 1000 / 6),
        rebalance_timeout_ms=int(rebalance_s * 1000),
        request_timeout_ms=int((max(rebalance_s, session_s) + 10) * 1000),
        # A member that reads the destinations for long is busy, and does not hang.
        max_poll_interval_ms=_SCAN_MS,
        fetch_max_wait_ms=settings.fetch_wait_ms or broker.fetch_wait_ms,
        **broker.client_options(),
    )


async def _started(consumer: Any, broker: Broker) -> bool:
    await consumer.start()
    if broker.embedded:
        leave_formed_groups_only(consumer._coordinator)
        look_long_enough(consumer._fetcher)
    return True


async def _ends(consumer: Any, resuming: Resuming, sources: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the sources end now. On Kafka, that is before the first transaction that is open."""
    if resuming.broker.embedded:
        return await high_watermarks(resuming.broker, resuming.client, sources)
    return dict(await consumer.end_offsets(sources))
