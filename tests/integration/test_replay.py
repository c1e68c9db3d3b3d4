"""Replays against a real broker: every record once, in its partition, in order, and at the requested pace."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets import SourceRecord
from stream_seg.datasets.simulator import simulate
from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import BrokerError, SourceError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.replay.pacing import due
from stream_seg.tools.replay.send import CHUNK, Progress, ReplaySummary, replay
from stream_seg.tools.topics import create_topics, topic_specs
from tests.integration.support.answers import LostAnswer

PARTITIONS = 4

Run = Callable[..., ReplaySummary]


@pytest.fixture
def settings(broker: Broker, prefix: str) -> Settings:
    """Yield a private deployment with its topics."""
    settings = Settings(app_id=f"{prefix}app", topic_prefix=prefix, partitions=PARTITIONS)
    asyncio.run(create_topics(broker, topic_specs(settings)))
    return settings


@pytest.fixture
def run(broker: Broker) -> Run:
    """Return a function that replays a source to the broker."""

    def replayed(source: Any, settings: Settings, **options: Any) -> ReplaySummary:
        return asyncio.run(replay(source, broker=broker, settings=settings, **options))

    return replayed


def sent(broker: Broker, settings: Settings, count: int) -> dict[TopicPartition, list[Any]]:
    """Return the `count` records that the input topics must hold, by partition. Topics are without prefix."""
    return asyncio.run(_read(broker, settings, count))


async def _read(broker: Broker, settings: Settings, count: int) -> dict[TopicPartition, list[Any]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    try:
        names = {settings.topic(topic): topic for topic in TOPICS}
        consumer.assign([TopicPartition(name, partition) for name in names for partition in range(PARTITIONS)])
        found: dict[TopicPartition, list[Any]] = {}
        async with asyncio.timeout(20):
            while sum(map(len, found.values())) < count:
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    found.setdefault(TopicPartition(names[tp.topic], tp.partition), []).extend(records)
        return found
    finally:
        await consumer.stop()


def view(number: int, at_s: float = 0.0) -> SourceRecord:
    return SourceRecord("interactions", b"c-%d" % (number % 100), b'{"event_id":"e-%d"}' % number, at_s)


def test_every_record_goes_once_to_the_partition_java_would_choose(
    run: Run, broker: Broker, settings: Settings
) -> None:
    records = list(islice(simulate(200, 30, seed=1), 3 * CHUNK))
    begun_ms = time.time() * 1000

    summary = run(records, settings)

    assert summary.records == len(records)
    assert summary.by_topic == Counter(record.topic for record in records)
    assert summary.value_bytes == sum(len(record.value) for record in records)
    found = sent(broker, settings, len(records))
    choose = DefaultPartitioner()
    every = list(range(PARTITIONS))
    for tp, received in found.items():
        mine = [r for r in records if r.topic == tp.topic and choose(r.key, every, every) == tp.partition]
        assert [(r.key, r.value) for r in received] == [(r.key, r.value) for r in mine]
        assert all(begun_ms - 1 <= r.timestamp <= time.time() * 1000 for r in received)


def test_a_second_replay_sends_the_same_values(run: Run, broker: Broker, settings: Settings) -> None:
    source = simulate(20, 3, seed=1)
    count = run(source, settings).records
    run(source, settings)
    values = Counter(r.value for received in sent(broker, settings, 2 * count).values() for r in received)
    assert set(values.values()) == {2}


def test_a_resend_after_a_lost_answer_is_one_record_on_an_idempotent_broker(
    run: Run, broker: Broker, embedded: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [SourceRecord("interactions", b"c-1", b'{"event_id":"e-%d"}' % n, 0.0) for n in range(50)]
    answer = LostAnswer(monkeypatch)
    answer.want()

    summary = run(records, settings)

    answer.wait(0)
    assert summary.records == 50
    marker = SourceRecord("interactions", b"c-1", b"{}", 0.0)
    run([marker], settings)
    (received,) = sent(broker, settings, 101 if embedded else 51).values()
    once = [record.value for record in records]
    assert [r.value for r in received] == [*once, *(once if embedded else []), marker.value]


def test_limit_and_progress(run: Run, settings: Settings) -> None:
    records = [view(i, at_s=float(i)) for i in range(2 * CHUNK)]
    seen: list[Progress] = []

    summary = run(records, settings, limit=CHUNK + 5, on_progress=seen.append)

    assert summary.records == CHUNK + 5
    assert summary.records_per_s > 0
    assert [(p.records, p.total, p.occurred_at_s) for p in seen] == [
        (CHUNK, CHUNK + 5, CHUNK - 1.0),
        (CHUNK + 5, CHUNK + 5, CHUNK + 4.0),
    ]


def test_a_source_of_unknown_length_has_no_total(run: Run, settings: Settings) -> None:
    seen: list[Progress] = []
    run((view(i) for i in range(3)), settings, on_progress=seen.append)
    assert [(p.records, p.total) for p in seen] == [(3, None)]


def test_an_empty_source(run: Run, settings: Settings) -> None:
    summary = run([], settings)
    assert (summary.records, summary.by_topic, summary.value_bytes) == (0, {}, 0)


def test_a_record_larger_than_a_batch_arrives(run: Run, broker: Broker, settings: Settings) -> None:
    large = SourceRecord("profiles", b"c-1", b"x" * 700_000, 0.0)
    run([view(1), large, large], settings)
    found = sent(broker, settings, 3)
    assert [len(r.value) for tp, received in found.items() if tp.topic == "profiles" for r in received] == [700_000] * 2


def test_speed_is_event_time_by_the_second_and_late_records_wait_for_nothing(run: Run, settings: Settings) -> None:
    hour = 3600.0
    times = [0.0, 0.5 * hour, -24 * hour, hour]
    reached: list[tuple[int, float]] = []

    def on_progress(progress: Progress) -> None:
        reached.append((progress.records, progress.elapsed_s))

    summary = run([view(i, t) for i, t in enumerate(times)], settings, speed=hour / 4, on_progress=on_progress)

    assert summary.records == 4
    assert [records for records, _ in reached] == [1, 3, 4]
    (_, first_s), (_, second_s), (_, last_s) = reached
    # Never early. The delay depends on the machine.
    assert first_s < 2 <= second_s
    assert second_s < 4 <= last_s


def test_records_that_are_due() -> None:
    records = [view(i, t) for i, t in enumerate([1.0, 2.0, 0.5, 4.0, 3.0])]
    assert due(records, 0, 0.9) == 0
    assert due(records, 0, 2.0) == 3
    assert due(records, 3, 3.5) == 3
    assert due(records, 3, 4.0) == 5


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_must_be_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match="give seconds of event time a second, above 0"):
        asyncio.run(replay([], broker=Broker("127.0.0.1:1"), settings=Settings(), speed=speed))


def test_a_source_that_fails_ends_the_replay(run: Run, settings: Settings) -> None:
    def lines() -> Any:
        yield view(1)
        raise SourceError("a.csv, line 2: not CSV")

    with pytest.raises(SourceError, match="line 2"):
        run(lines(), settings)


def test_without_a_broker() -> None:
    address = f"{HOST}:{free_port()}"
    with pytest.raises(BrokerError, match=f"no broker answers at {address}: is it running"):
        asyncio.run(replay([view(1)], broker=Broker(address), settings=Settings()))


def test_without_topics(run: Run, prefix: str) -> None:
    with pytest.raises(BrokerError, match=rf"no topic {prefix}purchases, .* run `stream-seg topics create`"):
        run([view(1)], Settings(topic_prefix=prefix))


def test_with_topics_that_do_not_match(run: Run, broker: Broker, prefix: str) -> None:
    settings = Settings(app_id=f"{prefix}app", topic_prefix=prefix, partitions=2)
    specs = [spec for spec in topic_specs(settings) if spec.copartitioned]
    asyncio.run(create_topics(broker, [replace(specs[0], partitions=3), *specs[1:]]))
    with pytest.raises(BrokerError, match=rf"differ in partitions \({prefix}purchases 3, {prefix}interactions 2,"):
        run([view(1)], settings)
