"""A hundred thousand mutated records through a real worker, among good records of marked customers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from benchmarks.workload import fixed_model
from stream_seg.contracts.context import MAX_TRAITS, MAX_TRAITS_BYTES
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.reasons import SENTENCES
from stream_seg.kafka.append import Message, append_all
from stream_seg.kafka.dead_letters import MAX_KEY_BYTES
from stream_seg.kafka.producer import started_producer
from tests.integration.support.deployment import CALM, PARTITIONS, Deployment, Services, deployment
from tests.integration.support.ending import Ending, assert_all_agree, assert_exact, read_ending
from tests.integration.support.events import Sent, identify, order, view
from tests.integration.support.worker import Worker
from tests.integration.support.yardstick import expect
from tests.laws.mutations import mutants

MUTANTS = 100_000
GOOD = 5_000
MARKED = 50
SEED = 20_171_122
CHUNK = 5_000
WHEN = "2017-05-09T18:00:31Z"

Placed = dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]]  # by topic and partition, in order of offset


@dataclass(frozen=True)
class Run:
    """One worker that has met all records."""

    deployed: Deployment
    worker: Worker
    placed: Placed
    good: list[Sent]
    ending: Ending


def good_events(rng: Random) -> list[Sent]:
    """Return orders, views and traits of the marked customers, one of whom gets a record of the largest size."""
    marked = [
        order(f"marked-{rng.randrange(MARKED)}", number, WHEN, number % 100 + 0.5)
        if number % 3
        else view(f"marked-{rng.randrange(MARKED)}", number, WHEN)
        for number in range(GOOD)
    ]
    long = "x" * (MAX_TRAITS_BYTES - 20)
    return [
        *marked,
        *(identify("marked-fat", number, WHEN, **{f"t{number}": long}) for number in range(MAX_TRAITS)),
    ]


def placed(good: list[Sent], rng: Random) -> Placed:
    """Return the place of every record: by its key, a few in a wrong partition, keyless ones anywhere, good ones in
    between.
    """
    records = [(topic, key, value, True) for topic, key, value in mutants(MUTANTS, SEED)]
    records += [(sent.topic, sent.key, sent.value, False) for sent in good]
    rng.shuffle(records)
    homes = partitions_of([key or b"" for _, key, _, _ in records], PARTITIONS).tolist()
    into: Placed = defaultdict(list)
    for (topic, key, value, mutant), home in zip(records, homes, strict=True):
        astray = mutant and rng.random() < 0.02
        into[topic, (home + astray) % PARTITIONS].append((key, value))
    return into


async def send(deployed: Deployment, into: Placed) -> None:
    """Append all records, in order within each partition."""
    async with started_producer(deployed.broker) as producer:
        for (topic, partition), records in into.items():
            messages: list[Message] = [(key, value, ()) for key, value in records]
            name = deployed.settings.topic(topic)
            for start in range(0, len(messages), CHUNK):
                await append_all(producer, name, {partition: messages[start : start + CHUNK]}, 1_700_000_000_000)


@pytest.fixture(scope="module")
def records() -> tuple[list[Sent], Placed]:
    """Return the good events and the place of every record for both brokers, because generating them takes seconds."""
    rng = Random(SEED)
    good = good_events(rng)
    return good, placed(good, rng)


@pytest.fixture(scope="module")
def run(on: Services, records: tuple[list[Sent], Placed]) -> Iterator[Run]:
    good, into = records
    with deployment(on, "mutants", model=fixed_model(), **CALM) as deployed:
        worker = deployed.start_worker()
        asyncio.run(send(deployed, into))
        deployed.wait_until_drained()
        yield Run(deployed, worker, into, good, read_ending(deployed))


def test_every_record_is_absorbed_or_has_one_dead_letter_with_a_reason(run: Run) -> None:
    letters = run.ending.dead_letters
    places = Counter(
        (letter.header["source_topic"], letter.header["source_offset"], letter.partition) for letter in letters
    )
    assert set(places.values()) == {1}
    assert {letter.header["reason"] for letter in letters} == SENTENCES.keys()
    sent = sum(map(len, run.placed.values()))
    assert sent == MUTANTS + len(run.good)
    metrics = run.worker.metric
    assert metrics("events_rejected_total") == len(letters)
    assert metrics("events_absorbed_total") + metrics("repeats_skipped_total") + len(letters) == sent
    assert metrics("events_absorbed_total") > 0.2 * MUTANTS


def test_every_dead_letter_is_the_sent_record(run: Run) -> None:
    for letter in run.ending.dead_letters:
        topic = letter.header["source_topic"].removeprefix(run.deployed.settings.topic_prefix)
        assert letter.header["source_partition"] == str(letter.partition)
        key, value = run.placed[topic, letter.partition][int(letter.header["source_offset"])]
        assert (letter.key, letter.value) == (key and key[:MAX_KEY_BYTES], value)


def test_the_good_records_between_them_are_counted_exactly(run: Run) -> None:
    marked = {name: each for name, each in run.ending.customers.items() if name.startswith("marked-")}
    assert_exact(replace(run.ending, customers=marked), expect(run.good))
    assert len(json.loads(marked["marked-fat"].traits)) == MAX_TRAITS
    assert len(marked["marked-fat"].pack()) > 250_000
    assert_all_agree(run.deployed, run.ending)


def test_the_worker_lives_and_goes_on(run: Run) -> None:
    assert run.worker.running()
    late = order("marked-late", 1_000_000, WHEN, 1.0)
    run.deployed.send([late])
    run.deployed.wait_until_drained()
    assert run.deployed.lag() == 0
    assert "marked-late" in read_ending(run.deployed).customers
    assert run.worker.terminate() == 0, run.worker.output()
    assert "Traceback" not in run.worker.output()
