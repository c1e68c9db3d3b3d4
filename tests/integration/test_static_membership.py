"""Static membership: a worker with an instance id restarts within its session, and no partition moves."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from benchmarks.workload import fixed_model
from stream_seg.kafka.broker import Broker
from tests.integration.support.deployment import PARTITIONS, PATHLESS, Services, deployment, replaying
from tests.integration.support.ending import assert_all_agree, assert_changes_chain, assert_exact, read_ending
from tests.integration.support.events import shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker, refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
# On a busy machine a starting worker takes seconds until it joins.
SESSION_TIMEOUT_S = "30"
STEADY_S = 4.0


@pytest.fixture(scope="module")
def broker_setting(apache_kafka: Broker) -> str:
    """Use Apache Kafka alone, because the embedded broker knows no static members."""
    return f"kafka://{apache_kafka.address}"


def test_a_killed_worker_that_comes_back_in_time_moves_nothing(on: Services) -> None:
    sent = shop(10_000, 1_000, seed=31, seconds=15.0)
    settings = {**PATHLESS, "SESSION_TIMEOUT_S": SESSION_TIMEOUT_S}
    with deployment(on, "static", model=MODEL, **settings) as deployed:
        survivor = deployed.start_worker(INSTANCE_ID="one")
        survivor.wait_ready()
        other = deployed.start_worker(INSTANCE_ID="two")
        eventually(Steady(lambda: shares(survivor) and shares(other)), 60, "they share, and go on so", deployed.output)
        recovered = survivor.metric("recovery_seconds")
        with replaying(deployed, sent):
            eventually(lambda: other.metric("group_events_count") > 5, 30, "it absorbs events", other.output)
            other.kill()
            again = deployed.start_worker(INSTANCE_ID="two")
            again.wait_ready()
            assert shares(again)
            assert shares(survivor)
            # The survivor gained and lost no partition. It was not even asked to rejoin.
            assert survivor.metric("recovery_seconds") == recovered
        deployed.wait_until_drained()
        ending = read_ending(deployed)
        assert_exact(ending, expect(sent))
        assert_changes_chain(ending.changes)
        assert_all_agree(deployed, ending)


def test_of_two_workers_with_one_name_the_older_ends_with_one_line(on: Services) -> None:
    with deployment(on, "twins", model=MODEL, **{**PATHLESS, "SESSION_TIMEOUT_S": "12"}) as deployed:
        older = deployed.start_worker(INSTANCE_ID="one")
        older.wait_ready()
        newer = deployed.start_worker(INSTANCE_ID="one")
        assert "another worker has joined as 'one'" in refusal(older)
        newer.wait_ready()
        deployed.send(shop(200, 50, seed=32))
        deployed.wait_until_drained()
        assert newer.running(), newer.output()


def shares(worker: Worker) -> bool:
    """Return whether the worker owns its half of the partitions."""
    assert worker.running(), worker.output()
    return worker.metric("partitions_owned") == PARTITIONS / 2


class Steady:
    """Return whether a condition has held for a few seconds, because a broker may rebalance a group twice."""

    def __init__(self, so: Callable[[], bool]) -> None:
        self._so = so
        self._since: float | None = None

    def __call__(self) -> bool:
        now = time.monotonic()
        self._since = (self._since or now) if self._so() else None
        return self._since is not None and now - self._since >= STEADY_S
