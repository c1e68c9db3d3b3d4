"""Intakes die at any effect, are killed, and join, on Apache Kafka: each source record is written once.

Transactions in the source topics, which only Apache Kafka has, are covered here too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from stream_seg.intake import run as running
from stream_seg.intake.progress import decoded
from stream_seg.intake.topics import find_destinations
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect
from stream_seg.kafka.offsets import commits, high_watermarks
from tests.integration.support.command import command, run_in, start
from tests.integration.support.deployment import Deployment, Services, deployment
from tests.integration.support.intake import (
    PARTITIONS,
    Fate,
    Foreign,
    create,
    intake_lag,
    lived,
    put,
    segment_call,
    sources,
    story,
    written,
)

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def broker_setting(apache_kafka: Broker) -> str:
    """Use Apache Kafka alone. The embedded broker, without idempotence and with slow starts, shows less
    (`test_intake`).
    """
    return f"kafka://{apache_kafka.address}"


@pytest.fixture
def shop(on: Services) -> Iterator[Deployment]:
    """Yield a deployment without workers whose intake reads two topics of other programs."""
    name = f"killed-{next(NUMBERS)}"
    topics = [f"{name}.a", f"{name}.b"]
    with deployment(on, name, INTAKE_TOPICS=",".join(topics)) as deployed:
        create(deployed, *topics)
        yield deployed


@pytest.mark.parametrize("seed", range(6))
def test_an_intake_that_dies_anywhere_is_completed(
    shop: Deployment, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH_RECORDS", 40)
    rng = random.Random(seed)
    count = 0
    for topic in shop.settings.intake_topics:
        records = []
        for each in story(6, 30, topic):
            calls = [segment_call(each.value)] * rng.choice((1, 1, 1, 3))
            body = calls[0] if len(calls) == 1 else b'{"batch": [' + b",".join(calls) + b"]}"
            records.append(Foreign(rng.randrange(PARTITIONS), None, body))
            count += len(calls)
        asyncio.run(put(shop, topic, records))
    deaths = 0
    while lived(shop, sources(shop), Fate(rng.randrange(1, 30))) is None:
        deaths += 1
        assert deaths < 60
    assert deaths >= 5
    found = written(shop)
    assert (set(found.times.values()), len(found.times)) == ({1}, count)
    assert found.is_in_order()
    assert intake_lag(shop) == 0


def test_processes_that_are_killed_and_join_write_each_record_once(shop: Deployment) -> None:
    topics = shop.settings.intake_topics
    rng = random.Random(11)
    processes = [start(["intake"], shop.directory, shop.environment)]
    sent = 0
    try:
        for n in range(12):
            for topic in topics:
                acts = [segment_call(each.value) for each in story(20, 5, f"{topic}.{n}")]
                asyncio.run(put(shop, topic, [Foreign(rng.randrange(PARTITIONS), None, act) for act in acts]))
                sent += len(acts)
            time.sleep(0.3)
            if n in (1, 5):
                processes.append(start(["intake"], shop.directory, shop.environment))
            if n in (4, 9):
                killed = processes.pop(0)
                killed.kill()
                killed.communicate()
        summary = run_in(shop, "intake", "--once", "--json")
        assert summary.returncode == 0, summary.stderr
    finally:
        for process in processes:
            process.terminate()
        ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [status for _, status in ended] == [0], ended
    found = written(shop)
    assert (set(found.times.values()), len(found.times)) == ({1}, sent)
    assert found.is_in_order()
    assert intake_lag(shop) == 0


def test_only_committed_transactions_are_read(shop: Deployment) -> None:
    topic = shop.settings.intake_topics[0]
    kept, dropped = ([segment_call(each.value) for each in story(2, 3, prefix)] for prefix in ("kept", "dropped"))

    async def write() -> None:
        async with AIOKafkaProducer(transactional_id=f"{topic}-writer", **shop.broker.client_options()) as producer:
            for commits, acts in ((True, kept[:3]), (False, dropped), (True, kept[3:])):
                await producer.begin_transaction()
                for act in acts:
                    await producer.send_and_wait(topic, act, partition=0)
                await (producer.commit_transaction() if commits else producer.abort_transaction())

    asyncio.run(write())
    summary = json.loads(command(shop, "intake", "--once", "--json"))
    assert (summary["records"], summary["events"]) == (len(kept), len(kept))
    again = json.loads(command(shop, "intake", "--once", "--json"))
    assert again["records"] == 0
    customers = {key for _, key, _ in written(shop).by_customer}
    assert customers == {b"kept-0", b"kept-1"}
    assert intake_lag(shop) == 0


def test_offsets_are_committed_with_the_ends_of_the_destinations(shop: Deployment) -> None:
    for topic in shop.settings.intake_topics:
        acts = [segment_call(each.value) for each in story(9, 3, topic)]
        asyncio.run(put(shop, topic, [Foreign(n % PARTITIONS, None, act) for n, act in enumerate(acts)]))
    command(shop, "intake", "--once")

    async def ask() -> None:
        group = shop.settings.intake_group
        async with connect(shop.broker) as client:
            to = await find_destinations(client, shop.settings)
            ends = await high_watermarks(shop.broker, client, to.partitions)
            found = await commits(client, group, sources(shop))
            for tp, end in (await high_watermarks(shop.broker, client, sources(shop))).items():
                commit = found[tp]
                assert commit is not None
                assert (commit.offset, decoded(commit.metadata, to.topics)) == (end, ends)

    asyncio.run(ask())
