"""Two workers under load are stopped and killed repeatedly, and in the end every customer is correct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.workload import fixed_model
from tests.integration.support.deployment import PATHLESS, Deployment, Services, deployment, replaying_meanwhile
from tests.integration.support.ending import (
    Ending,
    assert_all_agree,
    assert_changes_chain,
    assert_exact,
    assert_segments,
    read_ending,
)
from tests.integration.support.events import Sent, shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import TWO_DIMENSIONS, Worker
from tests.integration.support.yardstick import Expected, expect

# Two thousand per second, for longer than the slowest machine needs. They stop with the disturbances.
EVENTS, CUSTOMERS, SEED = 500_000, 4_000, 7
SECONDS = 250.0
MODEL = fixed_model()


@dataclass(frozen=True)
class Run:
    """The sent records, the expected result, and the actual result."""

    deployed: Deployment
    sent: list[Sent]
    expected: dict[str, Expected]
    ending: Ending


@pytest.fixture(scope="module")
def endless() -> list[Sent]:
    """Return the events for both brokers, because generating them takes seconds."""
    return shop(EVENTS, CUSTOMERS, SEED, seconds=SECONDS)


@pytest.fixture(scope="module")
def run(on: Services, endless: list[Sent]) -> Iterator[Run]:
    """Send steady events during a SIGTERM and three kill -9, each while work is in hand."""
    with deployment(on, "crashes", model=MODEL, module=TWO_DIMENSIONS, **PATHLESS) as deployed:
        with replaying_meanwhile(deployed, endless) as sent:
            disturb(deployed)
        deployed.wait_until_drained()
        yield Run(deployed, sent, expect(sent), read_ending(deployed))


def disturb(deployed: Deployment) -> None:
    """Give two workers a backlog, stop one, kill the other during the lag, then kill the active worker twice."""
    first, second = deployed.start_worker(), deployed.start_worker()
    eventually(lambda: works(first) and works(second), 60, "both workers absorb events", deployed.output)
    assert first.terminate() == 0, first.output()
    eventually(lambda: deployed.lag() > 500, 30, "there is lag")
    second.kill()
    third, fourth = deployed.start_worker(), deployed.start_worker()
    eventually(lambda: works(third), 60, "the third worker absorbs events", third.output)
    third.kill()
    fifth = deployed.start_worker()
    eventually(lambda: works(fifth), 60, "the fifth worker absorbs events", fifth.output)
    eventually(lambda: works(fourth), 60, "the fourth worker absorbs events", fourth.output)
    fourth.kill()


def works(worker: Worker) -> bool:
    """Return whether the worker has written a commit group."""
    assert worker.running(), worker.output()
    return worker.metric("group_events_sum") > 0


def test_every_customer_is_counted_exactly_once(run: Run) -> None:
    assert_exact(run.ending, run.expected)


def test_every_customer_is_in_the_segment_of_the_fold(run: Run) -> None:
    assert_segments(run.ending, run.expected, MODEL)


def test_no_id_means_two_changes_and_no_change_is_missing(run: Run) -> None:
    assert_changes_chain(run.ending.changes)


def test_changes_and_redis_and_state_agree(run: Run) -> None:
    assert_all_agree(run.deployed, run.ending)


def test_every_malformed_record_is_a_dead_letter(run: Run) -> None:
    bad = {(record.key, record.value) for record in run.sent if not record.good}
    assert len(bad) > len(run.sent) / 2_000  # one in a thousand, give or take
    assert {(letter.key, letter.value) for letter in run.ending.dead_letters} == bad
