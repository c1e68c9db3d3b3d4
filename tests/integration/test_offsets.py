"""End offsets, commits, and lag on both brokers, where the embedded one answers differently."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient

from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import BrokerError
from stream_seg.kafka import offsets
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.lag import PartitionLag, measure_lag
from stream_seg.kafka.offsets import committed, high_watermarks, log_starts, record_timestamps_at
from stream_seg.tools.topics import TopicSpec, create_topics

T = TypeVar("T")

# Append times of the records 0, 1, 2, ... of a partition: epoch seconds 1000, 1001, 1002, ...
FIRST_S = 1000


def run(broker: Broker, use: Callable[[AIOKafkaClient], Awaitable[T]]) -> T:
    async def connected() -> T:
        async with connect(broker) as client:
            return await use(client)

    return asyncio.run(connected())


async def create(broker: Broker, topic: str, partitions: int) -> None:
    await create_topics(broker, [TopicSpec(topic, partitions, 1)])


async def append(broker: Broker, tp: TopicPartition, batches: Sequence[int], *, value: bytes = b"{}") -> None:
    """Append batches of the given sizes. Record number i has the timestamp FIRST_S + i seconds."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    number = 0
    for size in batches:
        batch = producer.create_batch()
        for _ in range(size):
            assert batch.append(key=b"k", value=value, timestamp=(FIRST_S + number) * 1000) is not None
            number += 1
        batch.close()
        await (await producer.send_batch(batch, tp.topic, partition=tp.partition))
    await producer.stop()


async def commit(broker: Broker, group: str, tp: TopicPartition, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([tp])
    await consumer.commit({tp: offset})
    await consumer.stop()


@pytest.fixture
def topic(broker: Broker, prefix: str) -> str:
    """Yield a topic of three empty partitions."""
    asyncio.run(create(broker, f"{prefix}offsets", 3))
    return f"{prefix}offsets"


def test_the_end_is_right_after_a_batch_of_several_records(broker: Broker, embedded: bool, topic: str) -> None:
    several, one, none = (TopicPartition(topic, number) for number in range(3))
    asyncio.run(append(broker, several, [7, 5]))
    asyncio.run(append(broker, one, [1]))

    ends = run(broker, lambda client: high_watermarks(broker, client, [several, one, none]))
    claimed = run(broker, lambda client: high_watermarks(Broker(broker.address), client, [several, one, none]))
    starts = run(broker, lambda client: log_starts(client, [several, one, none]))

    assert ends == {several: 12, one: 1, none: 0}
    assert starts == {several: 0, one: 0, none: 0}
    # The quirk itself: base offset of the last batch + 1. Once this fails, the workaround can be removed.
    assert claimed == {several: 8 if embedded else 12, one: 1, none: 0}


def test_one_request_answers_for_many_partitions(broker: Broker, prefix: str) -> None:
    name = f"{prefix}wide"
    asyncio.run(create(broker, name, 64))
    partitions = [TopicPartition(name, number) for number in range(64)]
    asyncio.run(append(broker, partitions[3], [9]))

    ends = run(broker, lambda client: high_watermarks(broker, client, partitions))

    assert len(ends) == 64
    assert sum(ends.values()) == ends[partitions[3]] == 9


def test_a_long_fetch_does_not_block_the_client_of_a_consumer(broker: Broker, topic: str) -> None:
    tp = TopicPartition(topic, 0)
    asyncio.run(append(broker, tp, [4]))

    async def probe() -> tuple[dict[TopicPartition, int], float]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker.address, fetch_max_wait_ms=30_000, auto_offset_reset="earliest"
        )
        await consumer.start()
        consumer.assign([tp])
        for _ in range(4):
            await consumer.getone()
        # A fetch is now in flight, and the broker delays its answer for half a minute.
        begun = time.monotonic()
        ends = await high_watermarks(broker, consumer._client, [tp])
        took_s = time.monotonic() - begun
        await consumer.stop()
        return ends, took_s

    ends, took_s = asyncio.run(probe())

    assert ends == {tp: 4}
    assert took_s < 25


def test_unknown_partitions_are_an_error_not_an_empty_log(broker: Broker, topic: str) -> None:
    for stranger in [TopicPartition(topic, 3), TopicPartition(f"{topic}-missing", 0)]:
        with pytest.raises(BrokerError, match="UnknownTopicOrPartitionError"):
            run(broker, lambda client, tp=stranger: high_watermarks(broker, client, [tp]))


def test_asking_for_a_missing_topic_does_not_create_it(broker: Broker, topic: str) -> None:
    wanted = [topic, f"{topic}-missing"]

    assert run(broker, lambda client: partitions_of(client, wanted)) == {topic: [0, 1, 2]}
    assert run(broker, lambda client: partitions_of(client, wanted)) == {topic: [0, 1, 2]}


def test_committed_offsets_of_a_group_that_does_not_run(broker: Broker, topic: str, prefix: str) -> None:
    first, second, _ = tps = [TopicPartition(topic, number) for number in range(3)]
    asyncio.run(append(broker, first, [3]))
    asyncio.run(commit(broker, f"{prefix}group", first, 2))

    assert run(broker, lambda client: committed(client, f"{prefix}group", tps)) == {
        first: 2,
        second: None,
        tps[2]: None,
    }
    assert run(broker, lambda client: committed(client, f"{prefix}stranger", [first])) == {first: None}


def test_the_timestamp_of_a_record_inside_a_batch(broker: Broker, topic: str) -> None:
    tp = TopicPartition(topic, 0)
    asyncio.run(append(broker, tp, [7, 5]))

    for offset, timestamp_s in [(0, 1000.0), (3, 1003.0), (6, 1006.0), (7, 1007.0), (11, 1011.0)]:
        assert run(broker, lambda client, at=offset: record_timestamps_at(client, {tp: at}, {tp: 12})) == {
            tp: timestamp_s
        }


def test_a_position_at_the_end_has_no_timestamp(broker: Broker, topic: str) -> None:
    read, unread, empty = (TopicPartition(topic, number) for number in range(3))
    asyncio.run(append(broker, read, [5]))
    asyncio.run(append(broker, unread, [5]))

    positions, ends = {read: 5, empty: 0, unread: 2}, {read: 5, empty: 0, unread: 5}
    found = run(broker, lambda client: record_timestamps_at(client, positions, ends))

    assert found == {unread: 1002.0}


def test_batches_larger_than_the_share_of_a_partition_are_read_too(broker: Broker, topic: str) -> None:
    tps = [TopicPartition(topic, number) for number in range(3)]
    for tp in tps:
        asyncio.run(append(broker, tp, [1, 1], value=b"x" * 300_000))

    found = run(broker, lambda client: record_timestamps_at(client, dict.fromkeys(tps, 1), dict.fromkeys(tps, 2)))

    assert found == dict.fromkeys(tps, 1001.0)


def test_lag_in_events_and_seconds(broker: Broker, topic: str, prefix: str) -> None:
    group = f"{prefix}group"
    behind, done, untouched = (TopicPartition(topic, number) for number in range(3))
    asyncio.run(append(broker, behind, [4, 6]))
    asyncio.run(append(broker, done, [3]))
    asyncio.run(append(broker, untouched, [2]))
    asyncio.run(commit(broker, group, behind, 6))
    asyncio.run(commit(broker, group, done, 3))

    lag = asyncio.run(measure_lag(broker, group, [topic], now_s=1100.0))

    assert lag == [
        PartitionLag(topic, 0, end=10, committed=6, lag_events=4, lag_seconds=94.0),
        PartitionLag(topic, 1, end=3, committed=3, lag_events=0, lag_seconds=0.0),
        PartitionLag(topic, 2, end=2, committed=None, lag_events=2, lag_seconds=100.0),
    ]


def lag_of_two(broker: Broker, topic: str, prefix: str) -> list[PartitionLag]:
    asyncio.run(append(broker, TopicPartition(topic, 0), [2]))
    return asyncio.run(measure_lag(broker, f"{prefix}group", [topic], now_s=1100.0))


def test_a_broker_that_answers_late_is_asked_again(
    broker: Broker, topic: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The embedded broker answers without records when the wait of a fetch ends before it has scanned the topic.
    ask, waits_ms = offsets._fetch_timestamps, list[int]()

    async def late(client: Any, node: int, positions: Any, wait_ms: int) -> Any:
        waits_ms.append(wait_ms)
        return ({}, {}) if len(waits_ms) < 3 else await ask(client, node, positions, wait_ms)

    monkeypatch.setattr(offsets, "_fetch_timestamps", late)
    assert lag_of_two(broker, topic, prefix)[0].lag_events == 2
    assert waits_ms == [100, 1000, 1000]


def test_records_that_a_broker_withholds_are_an_error_not_a_lag_of_0(
    broker: Broker, topic: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> Any:
        return {}, {}

    monkeypatch.setattr(offsets, "_fetch_timestamps", never)
    with pytest.raises(BrokerError, match=r"no record of .* in 5\.1 s"):
        lag_of_two(broker, topic, prefix)


def test_lag_is_never_negative(broker: Broker, topic: str, prefix: str) -> None:
    tp = TopicPartition(topic, 0)
    asyncio.run(append(broker, tp, [2]))
    asyncio.run(commit(broker, f"{prefix}ahead", tp, 50))

    ahead = asyncio.run(measure_lag(broker, f"{prefix}ahead", [topic], now_s=1100.0))
    early = asyncio.run(measure_lag(broker, f"{prefix}early", [topic], now_s=900.0))

    assert ahead[0] == PartitionLag(topic, 0, end=2, committed=50, lag_events=0, lag_seconds=0.0)
    assert early[0] == PartitionLag(topic, 0, end=2, committed=None, lag_events=2, lag_seconds=0.0)


async def append_in_transactions(broker: Broker, tp: TopicPartition, sizes: Sequence[int], value: bytes) -> None:
    """Send one transaction for each size. After its records the broker appends a marker, which takes an offset."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=tp.topic)
    await producer.start()
    for size in sizes:
        async with producer.transaction():
            for _ in range(size):
                await producer.send(tp.topic, value, b"k", partition=tp.partition, timestamp_ms=FIRST_S * 1000)
    await producer.stop()


def test_markers_of_transactions_do_not_wait(apache_kafka: Broker, prefix: str) -> None:
    topic, group = f"{prefix}transactions", f"{prefix}group"
    done, behind = (TopicPartition(topic, number) for number in range(2))
    asyncio.run(create(apache_kafka, topic, 3))
    asyncio.run(append_in_transactions(apache_kafka, done, [3], b"{}"))
    # The record after the marker does not fit into the share of a partition.
    asyncio.run(append_in_transactions(apache_kafka, behind, [2, 1], b"x" * 300_000))
    asyncio.run(commit(apache_kafka, group, done, 3))
    asyncio.run(commit(apache_kafka, group, behind, 2))

    lag = asyncio.run(measure_lag(apache_kafka, group, [topic], now_s=1100.0))

    assert lag == [
        PartitionLag(topic, 0, end=4, committed=3, lag_events=0, lag_seconds=0.0),
        PartitionLag(topic, 1, end=5, committed=2, lag_events=3, lag_seconds=100.0),
        PartitionLag(topic, 2, end=0, committed=None, lag_events=0, lag_seconds=0.0),
    ]


def test_lag_of_a_missing_topic_says_what_to_do(broker: Broker, prefix: str) -> None:
    with pytest.raises(BrokerError, match=f"no such topic: {prefix}nothing; .*topics create"):
        asyncio.run(measure_lag(broker, "group", [f"{prefix}nothing"], now_s=0.0))


def test_no_broker_says_what_to_do() -> None:
    with pytest.raises(BrokerError, match=r"no broker answers at .* Set STREAM_SEG_BROKER"):
        asyncio.run(measure_lag(Broker(f"{HOST}:{free_port()}"), "group", ["purchases"], now_s=0.0))
