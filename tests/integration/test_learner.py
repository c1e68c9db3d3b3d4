"""Segment ids survive a learner that is killed, one that moves to another worker, and a restart of all workers."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import START_S, simulate
from stream_seg.kafka.reader import read_all
from stream_seg.learning.clustering.policy import DAY_S
from stream_seg.learning.publishing.moves import moves
from stream_seg.worker.models.samples import Sample
from tests.integration.support.deployment import Deployment, Services, deployment
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker

CUSTOMERS = 300
PUBLISHED_S = 90.0
SAID_S = 30.0


def read(deployed: Deployment, topic: str) -> list[bytes]:
    """Return the values of a topic, in order."""

    async def values() -> list[bytes]:
        chunks = read_all(deployed.broker, deployed.settings.topic(topic))
        return [record.value async for _, records in chunks for record in records]

    return asyncio.run(values())


def snapshots(deployed: Deployment) -> list[ModelSnapshot]:
    return [parse_snapshot(value) for value in read(deployed, "segment-models")]


def published(deployed: Deployment, more_than: int) -> list[ModelSnapshot]:
    """Return all snapshots, once there are more than `count`."""

    def enough() -> list[ModelSnapshot]:
        found = snapshots(deployed)
        return found if len(found) > more_than else []

    return eventually(enough, PUBLISHED_S, f"more than {more_than} snapshots", deployed.output)


def learning(deployed: Deployment) -> Worker:
    """Return the worker that published last. The topic has a model a moment before the worker's metrics show it."""
    version = snapshots(deployed)[-1].version

    def who_said() -> list[Worker]:
        return [worker for worker in deployed.workers if f"published model {version} " in worker.output()]

    (found,) = eventually(who_said, SAID_S, f"who published model {version}", deployed.output)
    return found


def test_ids_survive_kill_9_of_the_learner_a_move_to_another_worker_and_a_restart_of_all(on: Services) -> None:
    days: list[list[SourceRecord]] = [[] for _ in range(100)]
    for record in simulate(CUSTOMERS, 100, seed=3):
        days[int((record.occurred_at_s - START_S) // DAY_S)].append(record)
    with deployment(on, "ids", CLOCK="stream", SEGMENTS="3") as shop:
        for _ in range(2):
            shop.start_worker().wait_ready()
        shop.send(record for day in days[:60] for record in day)
        shop.wait_until_drained()
        published(shop, 0)
        learning(shop).kill()  # the other one gets the partition of samples
        before = snapshots(shop)  # everything that the killed one published
        shop.send(record for day in days[60:80] for record in day)
        moved = published(shop, len(before))
        assert learning(shop).running()
        shop.wait_until_drained()
        for worker in shop.workers:
            if worker.running():
                assert worker.terminate() == 0
        known = len(snapshots(shop))
        assert known >= len(moved)
        shop.start_worker().wait_ready()
        shop.send(record for day in days[80:] for record in day)
        found = published(shop, known)
        assert learning(shop) is shop.workers[-1]
        customers = sampled(shop)
    assert_same_segments(found, customers)


def sampled(deployed: Deployment) -> np.ndarray:
    """Return the latest sample of each customer, (n, len(FEATURES))."""
    samples = map(Sample.loads, read(deployed, "segment-samples")[-8:])
    return np.array([row for sample in samples for _, row, *_ in sample.rows])


def assert_same_segments(found: list[ModelSnapshot], customers: np.ndarray) -> None:
    """Assert that each snapshot continues the previous one: only announced births and deaths change ids, and no two
    swap.

    The movement of centers between snapshots depends on the days between them, both in the data and on the machine.
    """
    assert len(customers) > CUSTOMERS / 3
    for old, new in pairwise(found):
        assert new.parent == old.version
        assert set(new.numbers) - set(old.numbers) == {int(each[1:]) for each in new.born}
        assert set(old.numbers) - set(new.numbers) == {int(each[1:]) for each in new.ended}
        if new.reason in ("moved", "scheduled"):
            made = moves(old, new, customers)
            fewest = made.customers - made.counts[linear_sum_assignment(made.counts, maximize=True)].sum()
            assert (made.old, made.moved) == (made.new, fewest), (old.version, new.reason, made.counts)
