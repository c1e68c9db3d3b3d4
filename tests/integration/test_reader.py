"""Reading whole topics on a real broker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from stream_seg.contracts.changes import encode_change
from stream_seg.core.transitions import CurrentSegment, FeatureReason, Transition
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.reader import read_all
from stream_seg.tools.fold import changes_of
from stream_seg.tools.topics import TopicSpec, create_topics

PARTITIONS = 3


async def fill(broker: Broker, topic: str, records: list[tuple[int, bytes, bytes]]) -> None:
    await create_topics(broker, [TopicSpec(topic, PARTITIONS, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    for partition, key, value in records:
        await producer.send_and_wait(topic, value, key, partition=partition)
    await producer.stop()


async def read(broker: Broker, topic: str, partitions: set[int] | None = None) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    async for number, records in read_all(broker, topic, partitions=partitions):
        found.setdefault(number, []).extend(record.value for record in records)
    return found


def test_all_there_is_in_order_within_a_partition(broker: Broker, prefix: str) -> None:
    async def scenario() -> None:
        topic = f"{prefix}topic"
        await fill(broker, topic, [(i % 2, b"k", b"%d" % i) for i in range(6)])

        assert await read(broker, topic) == {0: [b"0", b"2", b"4"], 1: [b"1", b"3", b"5"]}
        assert await read(broker, topic, {1, 2}) == {1: [b"1", b"3", b"5"]}

    asyncio.run(scenario())


def test_an_empty_topic_ends_at_once_and_a_missing_one_is_an_error(broker: Broker, prefix: str) -> None:
    async def scenario() -> None:
        await fill(broker, f"{prefix}empty", [])

        assert await read(broker, f"{prefix}empty") == {}
        with pytest.raises(BrokerError, match=r"no such topic: .*missing; create it with"):
            await read(broker, f"{prefix}missing")

    asyncio.run(scenario())


def test_changes_of_some_customers_each_once(broker: Broker, prefix: str) -> None:
    def change(customer: str, sequence: int) -> bytes:
        entered = CurrentSegment("b1", "Big spenders", 1.0)
        transition = Transition(
            customer_id=customer,
            dimension="behavior",
            change="entered",
            from_=None,
            to=entered,
            code="event",
            event_id="e-1",
            event_type="order_completed",
            reason=FeatureReason({}),
            confidence=0.5,
            runner_up=None,
            segments={"behavior": entered},
            sequence=sequence,
            life=1,
            occurred_at=1.0,
            version=1,
        )
        return encode_change(transition, epoch=1, detected_at="2026-11-21T22:40:07.123Z", source="/test").value

    async def scenario() -> None:
        # By murmur2 c-6 belongs in partition 0 of 3, c-2 in 1.
        sent = [(0, "c-6", 1), (1, "c-2", 1), (0, "c-6", 2), (0, "c-6", 1), (0, "c-6", 3)]
        records = [(partition, customer.encode(), change(customer, n)) for partition, customer, n in sent]
        await fill(broker, f"{prefix}changes", records)

        found = await changes_of(broker, f"{prefix}changes", ["c-6", "c-9"])

        assert [each["sequence"] for each in found["c-6"]] == [1, 2, 3]
        assert found["c-9"] == []

    asyncio.run(scenario())
