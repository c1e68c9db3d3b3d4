"""`stream-seg intake` on both brokers with any key and partitioner: each record in order and once, even after
crashes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from collections.abc import Iterator

import pytest
from aiokafka.structs import TopicPartition

from benchmarks.workload import fixed_model
from stream_seg.intake.progress import Coordinates
from tests.integration.support.command import command, run_in, start
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.ending import assert_all_agree, assert_exact, read_ending, read_topic
from tests.integration.support.intake import (
    PARTITIONS,
    Fate,
    Foreign,
    crc32,
    create,
    fnv1a,
    intake_lag,
    lived,
    put,
    segment_call,
    sources,
    story,
    written,
)
from tests.integration.support.yardstick import expect

STAMP_MS = 1_494_352_900_000
GARBAGE = b"\xffgarbage"
NUMBERS = itertools.count(1)


@pytest.fixture
def shop(on: Services) -> Iterator[Deployment]:
    """Yield a deployment without workers whose intake reads three topics of other programs."""
    name = f"intake-{next(NUMBERS)}"
    topics = [f"{name}.{each}" for each in ("segment", "rudder", "librdkafka")]
    with deployment(on, name, model=fixed_model(), INTAKE_TOPICS=",".join(topics), **CALM) as deployed:
        create(deployed, *topics, partitions=PARTITIONS)
        yield deployed


def test_any_key_and_partitioner_is_counted_once(shop: Deployment) -> None:
    segment, rudder, librdkafka = shop.settings.intake_topics
    stories = [story(8, 6, "s"), story(8, 6, "r"), story(8, 6, "l")]
    keyless = [
        Foreign(n % PARTITIONS, None, segment_call(sent.value), STAMP_MS + n) for n, sent in enumerate(stories[0])
    ]
    by_fnv1a = [Foreign(fnv1a(sent.key, PARTITIONS), sent.key, segment_call(sent.value)) for sent in stories[1]]
    by_crc32 = [Foreign(crc32(sent.key, PARTITIONS), b"k:" + sent.key, sent.value) for sent in stories[2]]
    bad = Foreign(2, b"bad", GARBAGE, STAMP_MS)
    for topic, records in ((segment, [*keyless, bad]), (rudder, by_fnv1a), (librdkafka, by_crc32)):
        asyncio.run(put(shop, topic, records))

    facts = json.loads(command(shop, "intake", "--once", "--json"))
    count = sum(map(len, stories))
    topics = {"purchases": count // 3, "interactions": count // 3, "profiles": count // 3}
    assert facts == {
        "records": count + 1, "events": count, "by_topic": topics, "dead_letters": 1, "by_reason": {"not_utf8": 1},
        "skipped": 0, "already": 0,
    }  # fmt: skip
    found = written(shop)
    assert set(found.times.values()) == {1}
    assert len(found.times) == count + 1
    assert found.is_in_order()
    assert found.timestamps[Coordinates(TopicPartition(segment, 1), 0, 0)] == STAMP_MS + 1
    assert intake_lag(shop) == 0

    # The dead letter can be sent back to its source, and becomes a dead letter again.
    assert json.loads(command(shop, "dead-letters", "redrive", "--yes", "--topic", segment, "--json"))["redriven"] == 1
    back = [each for each in read_topic(shop, segment) if each.value == GARBAGE]
    assert [(each.partition, each.key) for each in back] == [(2, b"bad")] * 2

    # An intake that runs until it is stopped continues from there, and counts nothing again.
    process = start(["intake", "--json"], shop.directory, shop.environment)
    try:
        deadline_s = time.monotonic() + 40
        while intake_lag(shop) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["by_reason"] == {"not_utf8": 1}
    assert json.loads(out)["records"] == 1

    shop.start_worker()
    shop.wait_until_drained()
    ending = read_ending(shop)
    assert_exact(ending, expect(sent for each in stories for sent in each))
    assert_all_agree(shop, ending)
    assert [letter.value for letter in ending.dead_letters] == [GARBAGE] * 2


def test_an_intake_that_cannot_run_says_what_to_do(on: Services) -> None:
    with deployment(on, f"refused-{next(NUMBERS)}", INTAKE_TOPICS="nosuch") as deployed:
        done = run_in(deployed, "intake", "--once")
        reason = "no such topic: nosuch; correct STREAM_SEG_INTAKE_TOPICS, or create it"
        assert (done.returncode, done.stderr) == (1, f"stream-seg: {reason}\n")
        create(deployed, "nosuch", partitions=1)
        deployed.environment["STREAM_SEG_TOPIC_PREFIX"] = "elsewhere."  # type: ignore[index]
        done = run_in(deployed, "intake", "--once")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("stream-seg: no such topic: elsewhere.purchases, elsewhere.interactions,")
        assert done.stderr.endswith("create them with `stream-seg topics create`\n")


def test_an_intake_that_dies_once_is_completed(shop: Deployment) -> None:
    topic = shop.settings.intake_topics[0]
    acts = [segment_call(each.value) for each in story(6, 30, "a")]
    asyncio.run(put(shop, topic, [Foreign(n % PARTITIONS, None, act) for n, act in enumerate(acts)]))
    # The first commit is the one at the start. Records written before the second are not covered by any commit.
    assert lived(shop, sources(shop), Fate(0), of_commits=Fate(3)) is None
    summary = lived(shop, sources(shop), Fate(0))
    assert summary is not None
    assert summary.already > 0
    found = written(shop)
    assert (set(found.times.values()), len(found.times)) == ({1}, len(acts))
    assert found.is_in_order()
