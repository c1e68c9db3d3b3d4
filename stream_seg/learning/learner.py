"""The learner: samples of customers in, snapshots of the behavior model out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any, Final, Self

import numpy as np

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.core.dimensions.behavior import segment_id
from stream_seg.core.features import FEATURES
from stream_seg.learning.naming.segments import describe
from stream_seg.learning.publishing.moves import flow_matrix
from stream_seg.learning.publishing.progress import Progress
from stream_seg.learning.publishing.snapshots import compose, explained

from .clustering.challenger import Outcome, Trial
from .clustering.clusters import Clusters, fresh_start
from .clustering.matching import renumber
from .clustering.policy import LearnerPolicy
from .clustering.recent import RecentCustomers
from .clustering.scaling import Matrix, Scaling
from .clustering.warm_start import RESTARTS

STARTED: Final = "started"
REFIT: Final = "refit"
CHALLENGER: Final = "challenger"
MOVED: Final = "moved"
SCHEDULED: Final = "scheduled"


class Learner:
    """Learns k clusters from customers, one at a time.

    Call `observe` for each sampled customer, `advance` after each batch of them; publish `snapshot` when that gives
    a reason. Before the first good start samples are only kept; from then on each moves the centre nearest to it, and
    challengers are tried beside the clusters in force. A trial and the recent sample are not in snapshots: after a
    restart the samples that follow make new ones. The same seed (0 or more) and the same calls always give the same
    snapshots.
    """

    def __init__(self, k: int, seed: int, policy: LearnerPolicy) -> None:
        self.k, self.seed, self.policy = k, seed, policy
        self.skipped = 0  # samples that were not finite numbers
        self.categories: list[list[str]] = []  # names met in each category slot, for profiles
        self._progress = Progress(clusters=k)
        self._recent = RecentCustomers(policy.recent_customers)
        self._clusters: Clusters | None = None
        self._numbers: list[int] = []  # of the segments, ascending, in the order of the centres
        self._trial: Trial | None = None
        self._unjudged: list[Sequence[float]] = []
        self._evidence: dict[str, Any] = {}
        self._published: Matrix = np.empty((0, len(policy.features)))
        self._stale, self._looked_at = 0.0, -inf
        self._segments: list[SegmentProfile | None] = []
        self._last: ModelSnapshot | None = None
        self._news: str | None = None
        self._retry_at = 0  # samples, after a start that found too few different customers

    @classmethod
    def restore(cls, snapshot: ModelSnapshot, k: int, seed: int, policy: LearnerPolicy) -> Self:
        """A learner that goes on where a snapshot was taken, with an empty recent sample.

        Raises ValueError when the snapshot was learned by an unknown format. A k or features other than the
        snapshot's take effect at the next fresh start, as soon as the recent sample has filled again.
        """
        self = cls(k, seed, policy)
        self._progress = Progress.from_json(snapshot.learner, len(snapshot.centroids))
        self._numbers = list(snapshot.numbers)
        self._progress.next_number = max(self._progress.next_number, self._numbers[-1] + 1)
        self._published = np.array(snapshot.centroids, dtype=np.float64)
        self._clusters = Clusters(Scaling.of(snapshot), self._progress.centers_or(self._published), policy.halflife)
        self._segments, self._last = list(snapshot.segments), snapshot
        return self

    def resumed(self, snapshot: ModelSnapshot) -> Self:
        """A learner that goes on from another snapshot, with the recent sample of this one. Raises as `restore`.

        It does not begin afresh before a sample's worth of customers has come: what is gone back to gets its chance.
        """
        other = type(self).restore(snapshot, self.k, self.seed, self.policy)
        other._recent, other.skipped, other.categories = self._recent, self.skipped, self.categories
        other._retry_at = other._progress.samples + other._enough_customers
        return other

    def rename(self, segments: Sequence[SegmentProfile]) -> None:
        """Go on with the same centres under what a person made of their names."""
        self._segments = list(segments)

    @property
    def sample(self) -> Matrix:
        """The recent sample: customers (n, len(FEATURES)) in human units."""
        return self._recent.matrix()

    @property
    def ready(self) -> bool:
        """Whether there are centres."""
        return self._clusters is not None

    @property
    def centers(self) -> Matrix:
        """Centres in scaled space (k, d); none before the start."""
        return self._published[:0] if self._clusters is None else self._clusters.centers

    @property
    def customers(self) -> int:
        """Different customers in the recent sample."""
        return len(self._recent)

    def observe(self, customer_id: str, row: Sequence[float], clock: float, mix: Sequence[float] | None = None) -> None:
        """Learn from one sampled customer: features (len(FEATURES)) at `clock`, epoch seconds.

        `mix` (MIX_SIZE) is for profiles only. A row with a number that is not finite is counted in `skipped` and
        otherwise ignored.
        """
        if self._keep(customer_id, row, clock, mix) and self._clusters is not None:
            if self._trial is not None:
                self._unjudged.append(row)
            self._progress.counts[self._clusters.learn_one(row)] += 1

    def _keep(self, customer_id: str, row: Sequence[float], clock: float, mix: Sequence[float] | None) -> bool:
        """Put a sample into the recent one; False if it is skipped."""
        if len(row) != len(FEATURES):
            raise ValueError(f"a sample of {customer_id} has {len(row)} features; give all {len(FEATURES)}")
        if not all(map(isfinite, row)):
            self.skipped += 1
            return False
        if self._progress.first_clock is None:
            self._progress.first_clock = clock
        self._progress.samples += 1
        self._recent.put(customer_id, row, mix)
        return True

    def learn_one(self, x: Mapping[str, float], customer_id: str | None = None, clock: float = 0.0) -> None:
        """River's verb for `observe`: features by name, missing ones 0; without an id, a customer not seen before."""
        anonymous = f"sample {self._progress.samples}"
        self.observe(anonymous if customer_id is None else customer_id, _row(x), clock)

    def predict_one(self, x: Mapping[str, float]) -> int | None:
        """The place among the centres of a customer, features by name; None while there is none. Changes nothing."""
        if self._clusters is None:
            return None
        row = _row(x)
        return self._clusters.predict_one(row) if all(map(isfinite, row)) else None

    def ready_to_start(self, clock: float, drained: bool = False) -> bool:
        """Whether the first sample is large and old enough; `drained`: the inputs are read to their end for now."""
        if self.ready or self._progress.first_clock is None:
            return False
        if drained and self.customers >= self._fewest_customers:
            return True
        warm = clock - self._progress.first_clock >= self.policy.warm_up_s
        return warm and self.customers >= self.policy.min_customers

    def advance(self, clock: float, drained: bool = False) -> str | None:
        """Start, try a challenger or let it win if it is time; why a snapshot should be published now, if it should."""
        if self._clusters is None:
            if self._progress.samples >= self._retry_at and self.ready_to_start(clock, drained):
                self._begin(clock, STARTED)
        elif self._trial is not None:
            self._judge(self._trial, self._clusters)
        elif self._progress.samples >= self._retry_at and self.customers >= self._enough_customers:
            if self._asked_otherwise:
                self._begin(clock, REFIT)
            elif self._challenge_due(clock):
                self._challenge(self._clusters, clock)
        if clock - self._looked_at >= self.policy.publish_gap_s:
            self._stale, self._looked_at = self.staleness(), clock
        return self.due(clock)

    def due(self, clock: float) -> str | None:
        """Why a snapshot should be published at `clock`, or None; changes nothing."""
        progress = self._progress
        if not self.ready or self._news:
            return self._news
        if progress.published_clock is None:
            return STARTED
        since = clock - progress.published_clock
        if since >= self.policy.publish_gap_s and self._stale > self.policy.publish_gain:
            return MOVED
        if since >= self.policy.publish_every_s and progress.samples > progress.published_samples:
            return SCHEDULED
        return None

    def staleness(self) -> float:
        """The share of the recent sample's squared distance that the centres learned save on those published last."""
        if self._clusters is None or self._news or self.customers < self._enough_customers:
            return 0.0
        return self._clusters.saving(self._recent.matrix(), self._published)

    def snapshot(self, clock: float, created_at: str, parent: int, reason: str) -> ModelSnapshot:
        """The model as it is, version `parent` + 1.

        With the reason `SCHEDULED` the centres in force stay where they are, and only profiles are of now: centres that
        move a little every week would move customers for nothing. `clock`: stream time, epoch seconds; `created_at`:
        RFC 3339. Raises RuntimeError before the start.
        """
        if self._clusters is None:
            raise RuntimeError("there is nothing to publish yet: wait until advance() gives a reason")
        scaling, centers, before = self._clusters.scaling, self._clusters.centers, self._last
        if reason == SCHEDULED and not self._news:
            self._progress.centers, centers = centers.tolist(), self._published
        else:
            self._progress.centers, self._stale = [], 0.0
        segments = self._described(scaling, centers)
        self._progress.published_clock, self._progress.published_samples = clock, self._progress.samples
        said = {"parent": parent, "created_at": created_at, "clock": clock, "reason": reason}
        snapshot = compose(scaling, centers, segments, self._progress, version=parent + 1, **said)
        if before is not None and self._news in (CHALLENGER, REFIT):
            snapshot = explained(before, snapshot, self._recent.matrix(), self._evidence)
        self._published, self._news, self._evidence = centers, None, {}
        self._segments, self._last = list(segments), snapshot
        return snapshot

    def _described(self, scaling: Scaling, centers: Matrix) -> list[SegmentProfile]:
        """Profiles under the numbers of the segments; the last published ones while the recent sample is small."""
        held = [each for each in self._segments if each is not None]
        if len(held) == len(centers) and self.customers < self._enough_customers:
            return held
        rows, mixes = self._recent.matrix(), self._recent.mixes()
        found = describe(scaling, centers, rows, self._segments, mixes, self.categories)
        return [
            each.model_copy(update={"id": segment_id(number)})
            for each, number in zip(found, self._numbers, strict=True)
        ]

    @property
    def _fewest_customers(self) -> int:
        return self.policy.customers_per_cluster * self.k

    @property
    def _enough_customers(self) -> int:
        """A recent sample that says as much as the one of the last start did."""
        return max(self._fewest_customers, min(self._progress.customers_at_start, self.policy.min_customers))

    @property
    def _asked_otherwise(self) -> bool:
        """Whether the learner was restored with a k or features other than those of its centres."""
        features = self._clusters.scaling.features if self._clusters else ()
        return self._progress.clusters != self.k or features != self.policy.features

    def _challenge_due(self, clock: float) -> bool:
        progress, policy = self._progress, self.policy
        grown = self.customers >= policy.challenge_growth * progress.customers_at_start
        return grown or clock - (progress.challenged_clock or 0.0) >= policy.challenge_every_s

    def _fresh(self, restarts: int) -> Clusters | None:
        """Clusters found on the recent sample; None where its customers are too much alike."""
        rng = np.random.default_rng([self.seed, self._progress.starts])
        self._progress.starts += 1
        found = fresh_start(self._recent.matrix(), self.k, self.policy, rng, restarts, self._clusters)
        if found is None or len(found.centers) < min(self.k, len(self.centers)):
            self._retry_at = self._progress.samples + self._enough_customers
            return None
        return found

    def _begin(self, clock: float, news: str) -> None:
        if found := self._fresh(RESTARTS):
            self._progress.customers_at_start, self._progress.challenged_clock = self.customers, clock
            self._put_in_force(found, news)

    def _challenge(self, held: Clusters, clock: float) -> None:
        self._progress.customers_at_start, self._progress.challenged_clock = self.customers, clock
        if found := self._fresh(self.policy.challenge_restarts):
            self._trial = Trial(found, held)

    def _judge(self, trial: Trial, held: Clusters) -> None:
        """Score what came since the last time; end the trial when it has been won or lost."""
        trial.judge(np.array(self._unjudged, dtype=np.float64).reshape(-1, len(FEATURES)), held)
        self._unjudged.clear()
        verdict = trial.verdict
        outcome = verdict.outcome(self.policy, min(self.policy.trial_samples, self.customers))
        self._trial = trial if outcome is Outcome.GOES_ON else None
        if outcome is Outcome.WON:
            self._evidence = verdict.to_json()
            self._put_in_force(trial.challenger, CHALLENGER)

    def _put_in_force(self, found: Clusters, news: str) -> None:
        """Let clusters take over; each has the number of the one in force whose customers it has, if there is one."""
        progress, shared = self._progress, np.empty((0, len(found.centers)), np.int64)
        if self._clusters is not None:
            rows = self._recent.matrix()
            shape = len(self._numbers), len(found.centers)
            shared = flow_matrix(self._clusters.nearest(rows), found.nearest(rows), shape)
        by_number = dict(zip(self._numbers, self._segments, strict=False))
        order, self._numbers, progress.next_number = renumber(shared, self._numbers, progress.next_number)
        self._clusters = Clusters(found.scaling, found.centers[order], self.policy.halflife)
        self._segments = [by_number.get(number) for number in self._numbers]
        progress.clusters, progress.counts = self.k, [0] * len(order)
        self._news = self._news or news


def _row(x: Mapping[str, float]) -> list[float]:
    return [x.get(name, 0.0) for name in FEATURES]
