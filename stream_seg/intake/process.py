"""Run one intake from connection to end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from stream_seg.clock import SYSTEM_CLOCK, Clock
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

# A batch in flight may finish before partitions move.
_REBALANCE_S: Final = ACKNOWLEDGED_S + 10
# The same as for a worker. The embedded broker makes the first member of a group wait half of its rebalance timeout.
_EMBEDDED_SESSION_S: Final = 6.0
_SCAN_MS: Final = 86_400_000


async def run_intake(
    broker: Broker,
    settings: Settings,
    mappings: Mapping[str, EventMapping],
    *,
    once: bool,
    stop: asyncio.Event,
    clock: Clock = SYSTEM_CLOCK,
) -> Summary:
    """Run one member of the intake's group until `stop` is set, or with `once` until all present records are read.

    Raises BrokerError if the broker or a topic cannot be used.
    """
    planner = Planner(Placeholders(settings.placeholder_ids), mappings, clock.wall)
    async with connect(broker) as client:
        sources = await find_sources(client, settings)
        destinations = await find_destinations(client, settings)
        await check_group(client, settings.intake_group)
        resuming = Resuming(broker, client, settings.intake_group, destinations)
        consumer = consumer_of(broker, settings)
        try:
            # The producer ends first. No other member may have these partitions while it sends the remaining records.
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
    """Return a consumer of the intake's group, not started. It skips records of aborted transactions."""
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
        # A member that scans the destinations for a long time is busy, and must not be removed.
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
    """Return the ends of the sources. On Kafka, an end lies before the first open transaction."""
    if resuming.broker.embedded:
        return await high_watermarks(resuming.broker, resuming.client, sources)
    return dict(await consumer.end_offsets(sources))
