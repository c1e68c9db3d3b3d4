"""Topics of other programs for the intake: records as foreign partitioners place them, and the records written for
them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import time
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from stream_seg.contracts.placeholders import Placeholders
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.intake.plan import DEAD_LETTERS, Planner
from stream_seg.intake.process import consumer_of
from stream_seg.intake.progress import Coordinates, coordinates
from stream_seg.intake.resume import Resuming
from stream_seg.intake.run import Intake, Summary
from stream_seg.intake.topics import find_destinations
from stream_seg.kafka.client import connect
from stream_seg.kafka.lag import measure_lag
from stream_seg.kafka.offsets import high_watermarks
from stream_seg.kafka.producer import started_producer
from stream_seg.kafka.reader import read_all
from stream_seg.tools.topics import TopicSpec, create_topics
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import Sent, identify, order, view

PARTITIONS = 3


class Foreign(NamedTuple):
    """A record of another program's topic."""

    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None = None


def crc32(key: bytes, partitions: int) -> int:
    """Return the partition that librdkafka's default partitioner gives a key."""
    return zlib.crc32(key) % partitions


def fnv1a(key: bytes, partitions: int) -> int:
    """Return the partition that the hash partitioner of Go's clients gives a key."""
    found = 0x811C9DC5
    for byte in key:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    signed = found - (1 << 32) if found >= 1 << 31 else found
    return abs(signed) % partitions


def create(deployed: Deployment, *topics: str, partitions: int = PARTITIONS) -> None:
    """Create topics of other programs."""
    specs = [TopicSpec(topic, partitions, 1) for topic in topics]
    assert sorted(asyncio.run(create_topics(deployed.broker, specs))) == sorted(topics)


async def put(deployed: Deployment, topic: str, records: Iterable[Foreign]) -> None:
    """Write records, in order within each partition."""
    async with AIOKafkaProducer(**deployed.broker.client_options()) as producer:
        for partition, key, value, timestamp_ms in records:
            await producer.send(topic, value, key, partition, timestamp_ms=timestamp_ms)


def segment_call(value: bytes) -> bytes:
    """Return a native event as Segment's libraries would send it."""
    event = json.loads(value)
    call = {"messageId": event["event_id"], "userId": event["customer_id"], "timestamp": event["occurred_at"]}
    if event["type"] == "identify":
        return json.dumps({**call, "type": "identify", "traits": event["traits"]}).encode()
    name = event["type"].replace("_", " ").title()
    properties = {
        "order_id": event.get("order_id"),
        "total": event.get("amount"),
        "product_id": event.get("product_id"),
    }
    return json.dumps({**call, "type": "track", "event": name, "properties": properties}).encode()


@dataclass
class Written:
    """The content of the destinations: a count per member of a source record, and its offsets by customer."""

    times: Counter[Coordinates] = field(default_factory=Counter)
    by_customer: dict[tuple[str, bytes | None, TopicPartition], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    timestamps: dict[Coordinates, int] = field(default_factory=dict)

    def is_in_order(self) -> bool:
        """Return whether each customer's records of a topic are in the order of each source partition."""
        return all(offsets == sorted(offsets) for offsets in self.by_customer.values())


def written(deployed: Deployment) -> Written:
    """Read the destinations."""

    async def read() -> Written:
        found = Written()
        for name in (*TOPICS, DEAD_LETTERS):
            async for _, records in read_all(deployed.broker, deployed.settings.topic(name)):
                for record in records:
                    source = coordinates(record)
                    assert source is not None
                    found.times[source] += 1
                    found.timestamps[source] = record.timestamp
                    found.by_customer[name, record.key, source.partition].append(source.offset)
        return found

    return asyncio.run(read())


class Died(Exception):
    """The end of an intake, as by kill -9."""


class Fate:
    """Stops an intake at its Nth effect (a sent batch or a commit), before or after the effect happens."""

    def __init__(self, effect: int) -> None:
        self._left = effect

    async def around(self, effect: Callable[[], Any]) -> Any:
        """Return the result of an effect. Raises Died."""
        self._left -= 1
        if self._left == 0:
            raise Died
        done = await effect()
        self._left -= 1
        if self._left == 0:
            raise Died
        return done


class Mortal:
    """A producer or consumer whose effects may be its last. Everything else is the client's own."""

    def __init__(self, client: Any, fate: Fate) -> None:
        self._client = client
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        """Send as the producer does."""
        return await self._fate.around(lambda: self._client.send_batch(batch, topic, partition=partition))

    async def commit(self, offsets: Any) -> None:
        """Commit as the consumer does."""
        await self._fate.around(lambda: self._client.commit(offsets))


def lived(
    deployed: Deployment, sources: Sequence[TopicPartition], fate: Fate, of_commits: Fate | None = None
) -> Summary | None:
    """Run an intake until it has read `sources`. Returns None when it died before. `Commits` may have their own
    fate.
    """

    async def live() -> Summary | None:
        with suppress(Died):
            return await _live(deployed, sources, fate, of_commits or fate)
        return None

    return asyncio.run(live())


async def _live(deployed: Deployment, sources: Sequence[TopicPartition], of_batches: Fate, of_commits: Fate) -> Summary:
    broker, settings = deployed.broker, deployed.settings
    async with connect(broker) as client:
        resuming = Resuming(broker, client, settings.intake_group, await find_destinations(client, settings))
        consumer = consumer_of(broker, settings)
        try:
            async with started_producer(broker) as producer:
                planner = Planner(Placeholders(), {}, time)
                intake = Intake(Mortal(consumer, of_commits), Mortal(producer, of_batches), planner, resuming)
                consumer.subscribe(list(settings.intake_topics), listener=intake)
                await consumer.start()
                until = await high_watermarks(broker, client, sources)
                return await intake.run(asyncio.Event(), until)
        finally:
            await consumer.stop()


def story(customers: int, rounds: int, prefix: str) -> list[Sent]:
    """Return the actions of all customers, in turn."""
    sent = []
    for n, c in itertools.product(range(rounds), range(customers)):
        who, number, when = f"{prefix}-{c}", n * customers + c, f"2017-05-09T18:{n % 60:02d}:{c % 60:02d}Z"
        if n % 3 == 0:
            act = order(who, number, when, 10.0 + n)
        else:
            act = view(who, number, when) if n % 3 == 1 else identify(who, number, when, round=n)
        event = json.loads(act.value)
        sent.append(act._replace(value=json.dumps({**event, "event_id": f"{prefix}-{event['event_id']}"}).encode()))
    return sent


def sources(deployed: Deployment) -> list[TopicPartition]:
    """Return all source partitions."""
    return [TopicPartition(topic, n) for topic in deployed.settings.intake_topics for n in range(PARTITIONS)]


def intake_lag(deployed: Deployment) -> int:
    """Return the number of source records that the intake has not committed."""
    settings = deployed.settings
    lags = asyncio.run(measure_lag(deployed.broker, settings.intake_group, settings.intake_topics, now_s=time()))
    return sum(lag.lag_events for lag in lags)
