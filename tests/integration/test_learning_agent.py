"""The learning agent against a real broker: models that the gate rejects, and publications by others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.kafka.append import append_all, append_snapshot
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import started_producer
from stream_seg.kafka.reader import read_all
from stream_seg.learning.clustering.policy import DAY_S, LearnerPolicy
from stream_seg.learning.drift import DriftPolicy
from stream_seg.learning.publishing import governance
from stream_seg.ops.metrics import Metrics
from stream_seg.tools.model_history import publish_as_operator
from stream_seg.tools.topics import TopicSpec, create_topics
from stream_seg.worker.models.drift_reports import DriftReports
from stream_seg.worker.models.feed import ModelFeed
from stream_seg.worker.models.learning_agent import LearningAgent
from stream_seg.worker.models.samples import Sample

POLICY = LearnerPolicy(
    features=("order_rate",),
    min_customers=30,
    warm_up_s=0.0,
    challenge_every_s=1e9,
    challenge_growth=1e9,
    learning_rate=0.01,
)
THREE_KINDS, TWO_KINDS = (1.0, 6.0, 40.0), (1.0, 1.0, 40.0)
NOW_S = 1_700_000_000.0


class Stage(NamedTuple):
    """An agent with a number of clusters and its feed, on topics of their own."""

    agent: LearningAgent
    feed: ModelFeed
    metrics: Metrics
    broker: Broker
    topic: str
    producer: Any

    async def learn(self, first: int, customers: int, clock: float, kinds: tuple[float, ...] = THREE_KINDS) -> None:
        """Let the agent learn customers with these order rates, and read the outcome."""
        rng = np.random.default_rng(first)
        rows = np.zeros((customers, len(FEATURES)))
        rows[:, 0] = np.resize(kinds, customers) * np.exp(rng.normal(0, 0.001, customers))
        named = [(f"c-{first + index}", row) for index, row in enumerate(rows.tolist())]
        await self.agent.learn([Sample(0, clock, False, named).dumps()])
        await self.feed.catch_up()

    async def as_operator(self, make: Callable[[ModelSnapshot, int, str], ModelSnapshot]) -> ModelSnapshot:
        """Publish as a command does, and read the result."""
        made = await publish_as_operator(self.broker, self.topic, make, lambda _: None)
        await self.feed.catch_up()
        return made

    def asked(self, k: int) -> Stage:
        """Return the same with a new agent and another number of clusters, as after a restart with other settings."""
        return self._replace(agent=_agent(k, self.feed, self.topic, lambda: self.producer, self.metrics))

    @property
    def in_force(self) -> ModelSnapshot:
        """Return the active model."""
        assert self.feed.latest is not None
        return self.feed.latest


@asynccontextmanager
async def staged(broker: Broker, prefix: str, *, k: int = 3) -> AsyncIterator[Stage]:
    """Return an agent that has published model 1."""
    topic = f"{prefix}segment-models"
    await create_topics(broker, [TopicSpec(topic, 1, 1)])
    metrics = Metrics(CollectorRegistry())
    feed = ModelFeed(broker, topic, lambda *_: None)
    async with started_producer(broker) as producer:
        agent = _agent(k, feed, topic, lambda: producer, metrics)
        stage = Stage(agent, feed, metrics, broker, topic, producer)
        try:
            await feed.catch_up()
            await stage.learn(0, 60, 0.0, THREE_KINDS if k == 3 else TWO_KINDS)
            assert stage.in_force.reason == "started"
            yield stage
        finally:
            await feed.stop()


def _agent(k: int, feed: ModelFeed, topic: str, producer: Callable[[], Any], metrics: Metrics) -> LearningAgent:
    drift = DriftReports(DriftPolicy(), f"{topic}-drift", producer, lambda: NOW_S, metrics)

    async def publish(snapshot: ModelSnapshot) -> None:
        await append_snapshot(producer(), topic, snapshot, NOW_S)

    return LearningAgent(k, POLICY, feed, publish, lambda: NOW_S, metrics, drift)


def counted(stage: Stage) -> dict[str, float]:
    """Return the number of rejected models, by reason."""
    samples = stage.metrics.models_refused.collect()[0].samples
    return {each.labels["reason"]: each.value for each in samples if each.name.endswith("_total") and each.value}


def test_a_collapsed_model_is_refused_and_the_last_good_one_stays(
    broker: Broker, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with staged(broker, prefix, k=2) as before:
            good, stage = before.in_force, before.asked(3)
            # There are two kinds of customers, so the third cluster splits one of them.
            await stage.learn(1_000, 500, DAY_S, TWO_KINDS)
            assert stage.in_force is good
            assert counted(stage) == {"collapsed": 1.0}
            (said,) = [each for each in caplog.records if each.levelno == logging.ERROR]
            assert said.message.startswith("a new model was refused (collapsed), model 1 stays active: the centers")
            await stage.learn(2_000, 10, 9 * DAY_S, TWO_KINDS)  # it goes on from the good one
            assert (stage.in_force.version, stage.in_force.parent, len(stage.in_force.centroids)) == (2, 1, 2)
            assert counted(stage) == {"collapsed": 1.0}

    asyncio.run(story())


def test_learning_continues_from_the_rollback_of_an_operator(broker: Broker, prefix: str) -> None:
    async def story() -> None:
        async with staged(broker, prefix) as stage:
            first = stage.in_force
            await stage.learn(1_000, 100, 8 * DAY_S, (3.0, 12.0, 80.0))
            second = stage.in_force
            assert not second.same_content(first)
            back = await stage.as_operator(lambda latest, n, now: governance.rolled_back(first, latest, n, now))
            assert stage.in_force == back
            await stage.learn(2_000, 10, 16 * DAY_S)
            learned = stage.in_force
            assert (learned.version, learned.parent) == (4, 3)
            apart = [np.abs(np.array(learned.centroids) - np.array(each.centroids)).max() for each in (first, second)]
            assert apart[0] < apart[1]

    asyncio.run(story())


def test_a_pin_silences_the_learner_and_a_name_is_carried(broker: Broker, prefix: str) -> None:
    async def story() -> None:
        async with staged(broker, prefix) as stage:
            pin = await stage.as_operator(lambda latest, n, now: governance.pinned(latest, latest, n, now))
            await stage.learn(1_000, 30, 8 * DAY_S)
            await stage.as_operator(lambda latest, n, now: governance.renamed(latest, "b1", "Middle", n, now))
            await stage.learn(2_000, 30, 16 * DAY_S)
            assert (stage.in_force.version, stage.in_force.pinned) == (3, True)
            await stage.as_operator(governance.unpinned)
            await stage.learn(3_000, 1, 24 * DAY_S)
            learned = stage.in_force
            assert learned.version == 5
            assert (learned.segments[1].name, learned.segments[1].name_pinned) == ("Middle", True)
            assert not learned.same_content(pin)

    asyncio.run(story())


def test_a_lost_race_is_made_good(broker: Broker, prefix: str) -> None:
    async def story() -> None:
        async with staged(broker, prefix) as stage:
            # An operator publishes, and the agent has not read that when it publishes.
            first = stage.in_force
            made = governance.renamed(first, "b0", "Mine", 2, "2026-01-01T00:00:00Z")
            async with started_producer(broker) as producer:
                await append_all(producer, stage.topic, {0: [(b"2", made.dumps(), ())]}, 1)
            await stage.learn(1_000, 30, 8 * DAY_S)
            assert stage.in_force == made
            await stage.learn(2_000, 30, 16 * DAY_S)
            learned = stage.in_force
            assert (learned.version, learned.parent, learned.segments[0].name) == (3, 2, "Mine")
            # Compaction keeps the last message of a key, which must be the one that counted.
            assert await last_of_version(stage, 2) == made.dumps()

    asyncio.run(story())


def test_who_loses_the_samples_while_publishing_and_gets_them_back_learns_on(broker: Broker, prefix: str) -> None:
    async def story() -> None:
        async with staged(broker, prefix) as made:

            def moving() -> Any:
                stage.agent.forget()
                return made.producer

            stage = made._replace(agent=_agent(3, made.feed, made.topic, moving, made.metrics))
            for version in (2, 3, 4):
                await stage.learn(version * 1_000, 100, version * 8 * DAY_S, (3.0, 12.0, 20.0 * version))
                assert stage.in_force.version == version

    asyncio.run(story())


def test_a_feed_whose_connection_was_cancelled_connects_again(broker: Broker, prefix: str) -> None:
    async def story() -> None:
        topic = f"{prefix}segment-models"
        await create_topics(broker, [TopicSpec(topic, 1, 1)])
        feed = ModelFeed(broker, topic, lambda *_: None)
        first = asyncio.create_task(feed.catch_up())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.gather(feed.catch_up(), feed.catch_up())
        await feed.stop()

    asyncio.run(story())


async def last_of_version(stage: Stage, version: int) -> bytes:
    """Return the last message under a version's key."""
    found = b""
    async for _, records in read_all(stage.broker, stage.topic):
        for record in records:
            if record.key == f"behavior/{version}".encode():
                found = record.value
    return found
