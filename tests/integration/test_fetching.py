"""Fetches while partitions move, against both brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from stream_seg.kafka.broker import Broker
from stream_seg.tools.topics import TopicSpec, create_topics
from stream_seg.worker.faust.transport import BatchConsumerThread

WAIT_S = 5.0


class Owner:
    """The consumer of a worker, as far as a fetch uses it."""

    flow_active = True

    def __init__(self, changelog: str, active: Iterable[TP], *, input_paused: bool) -> None:
        self._changelog = changelog
        self.active = set(active)
        self.input_paused = input_paused

    def _get_active_partitions(self) -> set[TP]:
        return self.active

    def changelog_among(self, tps: Iterable[TP]) -> set[TP]:
        """Return the partitions of the changelog topic."""
        return {tp for tp in tps if tp.topic == self._changelog}


class Stage:
    """A consumer of one input partition and two changelog partitions, which can begin a fetch."""

    def __init__(self, kafka: Any, producer: Any, prefix: str) -> None:
        self.input = TP(f"{prefix}input", 0)
        self.recovering, self.settled = TP(f"{prefix}changelog", 0), TP(f"{prefix}changelog", 1)
        self.kafka = kafka
        self._producer = producer

    @property
    def all(self) -> list[TP]:
        """The assigned partitions."""
        return [self.input, self.recovering, self.settled]

    def owner(self, *active: TP, input_paused: bool) -> Owner:
        """Return a worker's consumer that reads from the `active` partitions."""
        return Owner(self.recovering.topic, active, input_paused=input_paused)

    async def append(self, *tps: TP) -> None:
        """Append one record to each of these partitions, or to each assigned partition when none is named."""
        for tp in tps or self.all:
            await self._producer.send_and_wait(tp.topic, b"{}", partition=tp.partition)

    def begin(self, owner: Owner) -> asyncio.Task[dict[Any, Any]]:
        """Begin a fetch as Faust does, which passes its own set of active partitions."""
        thread = BatchConsumerThread.__new__(BatchConsumerThread)
        thread.consumer = owner
        return asyncio.create_task(thread._fetch_records(self.kafka, owner.active, timeout=WAIT_S, max_records=100))

    async def positions(self) -> list[int]:
        """Return the positions of the input, the recovering changelog and the settled changelog."""
        return [await self.kafka.position(TopicPartition(*tp)) for tp in self.all]


@asynccontextmanager
async def staged(broker: Broker, prefix: str) -> AsyncIterator[Stage]:
    """Yield a stage whose topics are empty."""
    await create_topics(broker, [TopicSpec(f"{prefix}input", 1, 1), TopicSpec(f"{prefix}changelog", 2, 1)])
    async with AIOKafkaProducer(bootstrap_servers=broker.address, linger_ms=0) as producer:
        kafka = AIOKafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False, fetch_max_wait_ms=20)
        await kafka.start()
        stage = Stage(kafka, producer, prefix)
        kafka.assign([TopicPartition(*tp) for tp in stage.all])
        await kafka.seek_to_beginning()
        try:
            yield stage
        finally:
            await kafka.stop()


def test_a_rebalance_that_begins_while_a_fetch_waits_skips_no_record(broker: Broker, prefix: str) -> None:
    async def story() -> tuple[dict[Any, Any], list[int]]:
        async with staged(broker, prefix) as stage:
            owner = stage.owner(stage.input, input_paused=False)
            fetch = stage.begin(owner)
            await asyncio.sleep(0.1)
            owner.input_paused = True
            owner.active.clear()  # a rebalance begins, and Faust pauses all partitions
            await stage.append(stage.recovering, stage.settled)
            return await fetch, await stage.positions()

    # Otherwise the changelog is read up to its end, and recovery waits for it without end.
    assert asyncio.run(story()) == ({}, [0, 0, 0])


def test_recovery_gets_only_the_changelog_that_it_reads(broker: Broker, prefix: str) -> None:
    async def story() -> tuple[list[TP], list[int]]:
        async with staged(broker, prefix) as stage:
            await stage.append()
            owner = stage.owner(stage.input, stage.recovering, input_paused=True)
            fetched: dict[Any, Any] = {}
            async with asyncio.timeout(30):
                while not fetched:
                    fetched = await stage.begin(owner)
            return list(fetched), await stage.positions()

    read, positions = asyncio.run(story())
    assert [tp.topic.removeprefix(prefix) for tp in read] == ["changelog"]
    assert positions == [0, 1, 0]


def test_a_changelog_that_is_paused_while_its_fetch_waits_is_put_back(
    broker: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_seg.worker.faust.transport.PAUSED_FETCH_S", WAIT_S)

    async def story() -> tuple[dict[Any, Any], list[int]]:
        async with staged(broker, prefix) as stage:
            owner = stage.owner(stage.recovering, input_paused=True)
            fetch = stage.begin(owner)
            await asyncio.sleep(0.1)
            owner.active.clear()
            await stage.append()
            return await fetch, await stage.positions()

    assert asyncio.run(story()) == ({}, [0, 0, 0])


def test_no_active_partition_means_no_fetch(broker: Broker, prefix: str) -> None:
    async def story() -> tuple[dict[Any, Any], list[int]]:
        async with staged(broker, prefix) as stage:
            await stage.append()
            return await stage.begin(stage.owner(input_paused=False)), await stage.positions()

    assert asyncio.run(story()) == ({}, [0, 0, 0])
