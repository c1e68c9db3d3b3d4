"""`dead-letters list | redrive` with a real worker: events rejected for a missing rate count once after the fix."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from benchmarks.workload import fixed_model
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.core.absorb import REMEMBERED_EVENTS
from tests.integration.support.command import command, run_in
from tests.integration.support.deployment import CALM, PARTITIONS, Deployment, Services, deployment
from tests.integration.support.ending import Letter, assert_all_agree, assert_exact, read_ending, read_topic
from tests.integration.support.events import Sent, order, view
from tests.integration.support.worker import ROOT, Worker
from tests.integration.support.yardstick import expect

WHEN = "2017-05-09T18:00:31Z"
LONG_AFTER = "2017-05-09T18:00:32Z"
RATE = 2.0
FIXED = {"RATES": json.dumps({"EUR": RATE})}
# Rejected because no rate is set. The busy customer's later events push its ids out of the ring before the last
# redrive.
EUR = [order(f"c-{n}", n, WHEN, 10.0 + n, currency="EUR") for n in range(30)]
BUSY = [order("busy", 100 + n, WHEN, 5.0, currency="EUR") for n in range(3)]
GBP = order("c-0", 200, WHEN, 1.0, currency="GBP")
GOOD = [order(f"c-{n}", 300 + n, WHEN, 1.0) for n in range(10)]
LATER = [order("busy", 400 + n, LONG_AFTER, 1.0) for n in range(33)]
LATER += [view("busy", n, WHEN) for n in range(REMEMBERED_EVENTS + 2)]
ASTRAY = order("astray", 500, WHEN, 7.0)
HUGE = Sent("purchases", b"c-1", b'{"note": "' + b"x" * 1_040_000 + b'"}')


def worth(record: Sent) -> Sent:
    """Return the same order in the base currency, converted by the rate."""
    event = json.loads(record.value)
    return record._replace(value=json.dumps({**event, "amount": event["amount"] * RATE, "currency": "USD"}).encode())


async def put(deployed: Deployment, record: Sent, partition: int) -> None:
    """Return a record in a partition where murmur2 would not put it."""
    async with AIOKafkaProducer(bootstrap_servers=deployed.broker.address, max_request_size=2_000_000) as producer:
        await producer.send_and_wait(
            deployed.settings.topic(record.topic), record.value, key=record.key, partition=partition
        )


def write_letters(deployed: Deployment) -> None:
    """Return a dead letter again, as after a crash, and two foreign ones: one names another topic, one names none."""
    topic = deployed.settings.topic("dead-letters")
    first = read_topic_of(deployed, "dead-letters")[0]
    changes = deployed.settings.topic("segment-changes").encode()
    elsewhere = [(name, changes if name == "source_topic" else value) for name, value in first.headers]

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=deployed.broker.address) as producer:
            for headers in (list(first.headers), elsewhere, []):
                await producer.send_and_wait(topic, first.value, first.key, first.partition, headers=headers)

    asyncio.run(write())


def read_topic_of(deployed: Deployment, name: str) -> list[Letter]:
    """Return all records of a topic named without prefix."""
    return read_topic(deployed, deployed.settings.topic(name))


NUMBERS = itertools.count(1)  # each test has its own deployment on shared services


@pytest.fixture
def shop(on: Services) -> Iterator[Deployment]:
    """Yield a deployment whose worker, without rates, has met all events above except `LATER`."""
    with deployment(on, f"letters-{next(NUMBERS)}", model=fixed_model(), **CALM) as deployed:
        deployed.send([*EUR, *BUSY, GBP, *GOOD])
        home = int(partitions_of([ASTRAY.key], PARTITIONS)[0])
        asyncio.run(put(deployed, ASTRAY, (home + 1) % PARTITIONS))
        asyncio.run(put(deployed, HUGE, int(partitions_of([HUGE.key], PARTITIONS)[0])))
        deployed.start_worker()
        deployed.wait_until_drained()
        write_letters(deployed)
        yield deployed


def redrive(deployed: Deployment, *options: str) -> dict[str, Any]:
    """Return the JSON output of a redrive."""
    summary: dict[str, Any] = json.loads(command(deployed, "dead-letters", "redrive", *options, "--json"))
    return summary


def restarted(deployed: Deployment, **settings: str) -> Worker:
    """Start the next worker, after the previous one has stopped cleanly."""
    assert deployed.workers[-1].terminate() == 0, deployed.output()
    return deployed.start_worker(**settings)


def test_redriven_records_count_once(shop: Deployment) -> None:
    rejected = {"currency_without_rate": len(EUR) + len(BUSY) + 3, "wrong_partition": 1, "too_large": 1, "": 1}
    assert_exact(read_ending(shop), expect(GOOD))
    assert json.loads(command(shop, "dead-letters", "list", "--json"))["by_reason"] == rejected

    worker = restarted(shop, **FIXED)
    asks_for_yes(shop)
    planned = redrive(shop, "--dry-run")
    assert (planned["redriven"], planned["dry_run"]) == (len(EUR) + len(BUSY) + 2, True)
    assert (planned["truncated"], planned["repeated"], planned["foreign"]) == (1, 1, 2)
    assert read_ending(shop).customers.keys() == expect(GOOD).keys()

    # First two, then the rest of them, then those with the other reason.
    assert redrive(shop, "--yes", "--reason", "currency_without_rate", "--limit", "2")["redriven"] == 2
    sent = redrive(shop, "--yes", "--reason", "currency_without_rate", "--topic", "purchases")
    assert (sent["redriven"], sent["already"]) == (len(EUR) + len(BUSY) - 1, 2)
    assert sent["by_topic"] == {shop.settings.topic("purchases"): len(EUR) + len(BUSY) - 1}
    assert redrive(shop, "--yes", "--reason", "wrong_partition")["redriven"] == 1
    shop.wait_until_drained()
    counted = [*map(worth, EUR), *map(worth, BUSY), *GOOD, ASTRAY]
    assert_exact(read_ending(shop), expect(counted))

    # The pound still has no rate, so its new dead letter is redriven again, and the busy customer's are not.
    shop.send(LATER)
    shop.wait_until_drained()
    twice = redrive(shop, "--yes")
    assert (twice["redriven"], twice["already"]) == (1, len(EUR) + len(BUSY) + 2)
    shop.wait_until_drained()
    ending = read_ending(shop)
    assert_exact(ending, expect([*counted, *LATER]))
    assert_all_agree(shop, ending)

    # A deliberate resend is recognized by its event id as long as the worker remembers that.
    before = worker.metric('repeats_skipped_total{by="event_id"}')
    again = redrive(shop, "--yes", "--again", "--reason", "wrong_partition")
    assert again["redriven"] == 1
    shop.wait_until_drained()
    assert worker.metric('repeats_skipped_total{by="event_id"}') == before + 1
    assert_exact(read_ending(shop), expect([*counted, *LATER]))


def asks_for_yes(shop: Deployment) -> None:
    """Without a terminal a redrive is wrong usage. When the operator declines, nothing is sent."""
    done = run_in(shop, "dead-letters", "redrive")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --yes, because standard input is not a terminal" in done.stderr
    ours, theirs = pty.openpty()
    try:
        asked = subprocess.Popen(
            [sys.executable, "-m", "stream_seg", "dead-letters", "redrive"],
            cwd=shop.directory, env={**os.environ, "PYTHONPATH": str(ROOT), **shop.environment},
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.write(ours, b"n\n")
        out, err = asked.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (asked.returncode, out) == (1, "")
    topic = shop.settings.topic("purchases")
    assert err.startswith(f"Send 35 records again: 34 currency_without_rate to {topic}, 1 wrong_partition to")
    assert err.endswith("[y/N] stream-seg: nothing was sent\n")


def test_records_are_sent_byte_for_byte_to_where_murmur2_puts_them(shop: Deployment) -> None:
    topic = shop.settings.topic("purchases")
    before = len(read_topic(shop, topic))
    redrive(shop, "--yes")
    sent = read_topic(shop, topic)
    assert len(sent) == before + len(EUR) + len(BUSY) + 2
    wanted = sorted((record.key, record.value) for record in [*EUR, *EUR, *BUSY, *BUSY, GBP, GBP, ASTRAY, ASTRAY])
    known = {record.value for record in [*GOOD, HUGE]}
    assert sorted((each.key, each.value) for each in sent if each.value not in known) == wanted
    home = int(partitions_of([ASTRAY.key], PARTITIONS)[0])
    assert [each.partition for each in sent if each.key == ASTRAY.key].count(home) == 1


def test_list_for_people(shop: Deployment) -> None:
    text = command(shop, "dead-letters", "list", "--topic", "purchases", "--since", "1h", "--limit", "100")
    assert "currency_without_rate" in text
    assert text.splitlines()[-1] == f"{len(EUR) + len(BUSY) + 4} dead letters"
    assert shop.settings.topic("purchases") in text
    assert command(shop, "dead-letters", "list", "--topic", "profiles").splitlines()[-1] == "0 dead letters"
