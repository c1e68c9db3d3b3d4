"""The learning agent: whoever owns the one partition of `segment-samples` learns, and publishes snapshots."""

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
from stream_seg.learning.naming.breakdowns import merge_category_names
from stream_seg.learning.publishing.gate import UNUSABLE, Refusal, refusal
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.crash_points import reach

from .drift_reports import DriftReports
from .feed import ModelFeed
from .samples import Sample

log = logging.getLogger(__name__)

SEED: Final = 1


@dataclass(slots=True)
class _Tenure:
    """What there is to know while this worker has the partition of samples; another tenure begins with nothing."""

    learner: Learner | None = None
    seen: ModelSnapshot | None = None  # what was in force when the learner last looked
    own: ModelSnapshot | None = None  # published, and not seen in force yet


class LearningAgent:
    """Feeds samples to a learner that begins where the latest snapshot ended. One sample batch at a time.

    What it makes is published when the gate lets it pass, and while none is pinned. When something else takes force,
    because a person went back, or pinned, or named, or another was faster, it goes on from that.
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
        self._tenure = _Tenure()

    def forget(self) -> None:
        """The partition of samples moves: whoever gets it begins from the latest snapshot."""
        self._tenure = _Tenure()
        self._drift.forget()

    async def learn(self, values: list[bytes]) -> None:
        """Learn from messages of `segment-samples`; publish a snapshot, or a drift event, when there is a reason."""
        tenure = self._tenure
        for value in values:
            try:
                sample = Sample.loads(value)
            except ValueError as reason:
                log.error("a message on the samples topic was left out: %s", reason)
                continue
            if tenure.learner is None:
                await asyncio.to_thread(lazy_imports.load)
            learner = tenure.learner = await self._current(tenure)
            await self._drift.watch(sample, self._feed.latest)
            why = await asyncio.to_thread(_learn, learner, sample)
            in_force = self._feed.latest
            if why is not None and tenure.own is None and not (in_force and in_force.pinned):
                await self._publish(tenure, learner, sample.clock, in_force, why)
            if tenure is not self._tenure:
                return  # the partition moved meanwhile; what is left of these messages is for its next owner

    async def _current(self, tenure: _Tenure) -> Learner:
        """The learner, going on from what is in force."""
        learner, latest, own = tenure.learner, self._feed.latest, tenure.own
        if learner is None or latest is None:
            tenure.seen = latest
            return learner or self._go_on(None, latest)
        if latest is tenure.seen or (own is not None and own.version > latest.version):
            return learner
        learned, tenure.seen, tenure.own = own or tenure.seen, latest, None
        if own is not None and own.dumps() == latest.dumps():
            return learner
        if own is not None and own.version == latest.version:
            # Another was faster. Compaction would keep the last message of this version: let it be the one that counts.
            log.warning("model %d by another was faster; learning goes on from it", latest.version)
            await self._append(latest)
        elif learned is not None and latest.same_content(learned):
            learner.rename(latest.segments)
            return learner
        return self._go_on(learner, latest)

    def _go_on(self, learner: Learner | None, snapshot: ModelSnapshot | None) -> Learner:
        if snapshot is not None:
            try:
                return learner.resumed(snapshot) if learner else Learner.restore(snapshot, self._k, SEED, self._policy)
            except ValueError as why:
                log.error("learning goes on from nothing, since model %d does not say how: %s", snapshot.version, why)
        return Learner(self._k, SEED, self._policy)

    async def _publish(
        self, tenure: _Tenure, learner: Learner, clock: float, good: ModelSnapshot | None, why: str
    ) -> None:
        version = good.version if good else 0
        try:
            snapshot = learner.snapshot(clock, rfc3339(self._wall()), version, why)
        except ValueError as reason:
            self._refuse(tenure, learner, good, Refusal(UNUSABLE, f"it cannot be written: {reason}"))
            return
        refused = await asyncio.to_thread(refusal, snapshot, good, learner.sample)
        if refused is not None:
            self._refuse(tenure, learner, good, refused)
            return
        if tenure is not self._tenure:
            return  # the next owner of the partition learns by now, from what is in force
        tenure.own = snapshot
        reach("publishing")
        await self._append(snapshot)
        reach("published")
        names = [segment.name for segment in snapshot.segments]
        log.info("published model %d (%s): %s%s", snapshot.version, snapshot.reason, names, _what_changed(snapshot))

    def _refuse(self, tenure: _Tenure, learner: Learner, good: ModelSnapshot | None, refused: Refusal) -> None:
        """Report what the gate stopped; learning goes on from the last good model."""
        self._metrics.models_refused.labels(refused.code).inc()
        stays = f"model {good.version} stays in force" if good else "there is still none"
        log.error("a new model was refused (%s), %s: %s", refused.code, stays, " ".join(refused.evidence.split()))
        tenure.learner = self._go_on(learner, good) if good else None


def _what_changed(snapshot: ModelSnapshot) -> str:
    """For the log: births, deaths and moves of a fresh start; nothing where centres only moved."""
    said = [f"{what} {', '.join(ids)}" for what, ids in (("born", snapshot.born), ("ended", snapshot.ended)) if ids]
    if explained := snapshot.evidence.get("moves"):
        said.append(f"{explained['moved']} of {explained['customers']} sampled customers move")
    return "".join(f"; {each}" for each in said)


def _learn(learner: Learner, sample: Sample) -> str | None:
    learner.categories = merge_category_names(learner.categories, sample.categories)
    for customer_id, row, mix in sample.customers():
        learner.observe(customer_id, row, sample.clock, mix)
    return learner.advance(sample.clock, sample.drained)
