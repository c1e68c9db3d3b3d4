"""The learning agent: whoever owns the one partition of `segment-samples` learns, and publishes snapshots."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.times import rfc3339
from stream_seg.learning.learner import Learner
from stream_seg.learning.policy import LearnerPolicy
from stream_seg.learning.portraits import merged
from stream_seg.ops.metrics import Metrics

from .crash_points import reach
from .drift_reports import DriftReports
from .model_feed import ModelFeed
from .publish import append_all
from .samples import Sample

log = logging.getLogger(__name__)


class LearningAgent:
    """Feeds samples to a learner that begins where the latest snapshot ended. One sample batch at a time."""

    def __init__(
        self,
        k: int,
        policy: LearnerPolicy,
        feed: ModelFeed,
        topic: str,
        producer: Callable[[], Any],
        wall: Callable[[], float],
        metrics: Metrics,
        drift: DriftReports,
    ) -> None:
        self._k = k
        self._policy = policy
        self._feed = feed
        self._topic = topic
        self._producer = producer
        self._wall = wall
        self._metrics = metrics
        self._drift = drift
        self._learner: Learner | None = None
        self._published = 0

    def forget(self) -> None:
        """The partition of samples moves: whoever gets it begins from the latest snapshot."""
        self._learner = None
        self._drift.forget()

    async def learn(self, values: list[bytes]) -> None:
        """Learn from messages of `segment-samples`; publish a snapshot, or a drift event, when there is a reason."""
        for value in values:
            try:
                sample = Sample.loads(value)
            except ValueError as reason:
                log.error("a message on the samples topic was left out: %s", reason)
                continue
            learner = self._learner = self._learner or self._begin()
            await self._drift.watch(sample, self._feed.latest)
            why = await asyncio.to_thread(_learn, learner, sample)
            latest = self._feed.latest.version if self._feed.latest else 0
            if why is not None and latest >= self._published:
                await self._publish(learner.snapshot(sample.clock, rfc3339(self._wall()), latest, why))

    def _begin(self) -> Learner:
        seed, snapshot = 1, self._feed.latest
        if snapshot is None:
            return Learner(self._k, seed, self._policy)
        try:
            return Learner.restore(snapshot, self._k, seed, self._policy)
        except ValueError as reason:
            log.error("learning goes on from nothing, since model %d does not say how: %s", snapshot.version, reason)
            return Learner(self._k, seed, self._policy)

    async def _publish(self, snapshot: ModelSnapshot) -> None:
        message = (str(snapshot.version).encode(), snapshot.dumps(), ())
        reach("publishing")
        await append_all(self._producer(), self._topic, {0: [message]}, int(self._wall() * 1000))
        reach("published")
        self._published = snapshot.version
        log.info("published model %d (%s): %s", snapshot.version, snapshot.reason, [s.name for s in snapshot.segments])


def _learn(learner: Learner, sample: Sample) -> str | None:
    learner.categories = merged(learner.categories, sample.categories)
    for customer_id, row, mix in sample.customers():
        learner.observe(customer_id, row, sample.clock, mix)
    return learner.advance(sample.clock, sample.drained)
