"""The learning agent. The worker that owns the one partition of `segment-samples` learns and publishes snapshots."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.times import rfc3339
from stream_seg.kafka.append import PublishSnapshot
from stream_seg.learning import lazy_imports
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.gate import UNUSABLE, Refusal, refusal
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.crash_points import reach

from .drift_reports import DriftReports
from .feed import ModelFeed
from .samples import Sample

log = logging.getLogger(__name__)

SEED: Final = 1


@dataclass(slots=True)
class _Assignment:
    """State that is valid while this worker owns the partition of samples. A new assignment starts empty."""

    learner: Learner | None = None
    seen: ModelSnapshot | None = None  # the active snapshot when the learner last checked
    own: ModelSnapshot | None = None  # published by this learner, and not active yet


class LearningAgent:
    """Passes samples, one at a time, to a learner that starts from the latest snapshot.

    A new snapshot is published when the gate accepts it and no snapshot is pinned. When another snapshot becomes active
    (an operator rolled back, pinned or named one, or another worker was faster), learning continues from that one.
    """

    def __init__(
        self,
        k: int,
        policy: LearnerPolicy,
        feed: ModelFeed,
        publish: PublishSnapshot,
        wall: Callable[[], float],
        metrics: Metrics,
        drift: DriftReports,
    ) -> None:
        self._k = k
        self._policy = policy
        self._feed = feed
        self._append = publish
        self._wall = wall
        self._metrics = metrics
        self._drift = drift
        self._assignment = _Assignment()

    def forget(self) -> None:
        """Drop the learner. Called when the partition of samples is revoked.

        The next owner starts from the latest snapshot.
        """
        self._assignment = _Assignment()
        self._drift.forget()

    async def learn(self, values: list[bytes]) -> None:
        """Learn from messages of `segment-samples`. Publish a snapshot or a drift event when there is a reason."""
        assignment = self._assignment
        for value in values:
            try:
                sample = Sample.loads(value)
            except ValueError as reason:
                log.error("a message on the samples topic was skipped: %s", reason)
                continue
            if assignment.learner is None:
                await asyncio.to_thread(lazy_imports.load)
            learner = assignment.learner = await self._current(assignment)
            await self._drift.watch(sample, self._feed.latest)
            why = await asyncio.to_thread(_learn, learner, sample)
            active = self._feed.latest
            if why is not None and assignment.own is None and not (active and active.pinned):
                await self._publish(assignment, learner, sample.clock, active, why)
            if assignment is not self._assignment:
                return  # the partition moved meanwhile, so the remaining messages are for its next owner

    async def _current(self, assignment: _Assignment) -> Learner:
        """Return the learner, which continues from the active snapshot."""
        learner, latest, own = assignment.learner, self._feed.latest, assignment.own
        if learner is None or latest is None:
            assignment.seen = latest
            return learner or self._continue_from(None, latest)
        if latest is assignment.seen or (own is not None and own.version > latest.version):
            return learner
        learned, assignment.seen, assignment.own = own or assignment.seen, latest, None
        if own is not None and own.dumps() == latest.dumps():
            return learner
        if own is not None and own.version == latest.version:
            # Compaction keeps the last message of a version. Publish the active snapshot again to make it the last.
            log.warning("another worker published model %d first, so learning continues from it", latest.version)
            await self._append(latest)
        elif learned is not None and latest.same_content(learned):
            learner.rename(latest.segments)
            return learner
        return self._continue_from(learner, latest)

    def _continue_from(self, learner: Learner | None, snapshot: ModelSnapshot | None) -> Learner:
        if snapshot is not None:
            try:
                return learner.resumed(snapshot) if learner else Learner.restore(snapshot, self._k, SEED, self._policy)
            except ValueError as why:
                log.error("learning starts anew, because it cannot continue from model %d: %s", snapshot.version, why)
        return Learner(self._k, SEED, self._policy)

    async def _publish(
        self, assignment: _Assignment, learner: Learner, clock: float, good: ModelSnapshot | None, why: str
    ) -> None:
        version = good.version if good else 0
        try:
            snapshot = learner.snapshot(clock, rfc3339(self._wall()), version, why)
        except ValueError as reason:
            self._refuse(assignment, learner, good, Refusal(UNUSABLE, f"it cannot be written: {reason}"))
            return
        refused = await asyncio.to_thread(refusal, snapshot, good, learner.sample)
        if refused is not None:
            self._refuse(assignment, learner, good, refused)
            return
        if assignment is not self._assignment:
            return  # the next owner of the partition is already learning from the active snapshot
        assignment.own = snapshot
        reach("publishing")
        await self._append(snapshot)
        reach("published")
        names = [segment.name for segment in snapshot.segments]
        log.info("published model %d (%s): %s%s", snapshot.version, snapshot.reason, names, _what_changed(snapshot))

    def _refuse(self, assignment: _Assignment, learner: Learner, good: ModelSnapshot | None, refused: Refusal) -> None:
        """Report a refused snapshot. Learning continues from the last good model."""
        self._metrics.models_refused.labels(refused.code).inc()
        stays = f"model {good.version} stays active" if good else "there is still none"
        log.error("a new model was refused (%s), %s: %s", refused.code, stays, " ".join(refused.evidence.split()))
        assignment.learner = self._continue_from(learner, good) if good else None


def _what_changed(snapshot: ModelSnapshot) -> str:
    """Return new and ended segments and moved customers for the log, or an empty text when only centers moved."""
    parts = [f"{what} {', '.join(ids)}" for what, ids in (("born", snapshot.born), ("ended", snapshot.ended)) if ids]
    if explained := snapshot.evidence.get("moves"):
        parts.append(f"{explained['moved']} of {explained['customers']} sampled customers move")
    return "".join(f"; {each}" for each in parts)


def _learn(learner: Learner, sample: Sample) -> str | None:
    for customer_id, row, mix in sample.customers():
        learner.observe(customer_id, row, sample.clock, mix)
    return learner.advance(sample.clock, sample.drained)
