"""The learner: samples of customers in, snapshots of the behavior model out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.core.features import FEATURES

from .matching import continue_ids
from .online import OnlineKMeans
from .policy import LearnerPolicy
from .progress import Progress
from .recent import RecentCustomers
from .scaling import Matrix, Scaling
from .segments import describe
from .warm_start import good_start

STARTED: Final = "started"
REFIT: Final = "refit"
MOVED: Final = "moved"
SCHEDULED: Final = "scheduled"


class Learner:
    """Learns k clusters from customers, one at a time.

    Call `observe` for each sampled customer, `advance` after each batch of them; publish `snapshot` when that gives
    a reason. Before the first good start samples are only kept; from then on each moves the centre nearest to it.
    The same seed (0 or more) and the same calls always give the same snapshots.
    """

    def __init__(self, k: int, seed: int, policy: LearnerPolicy) -> None:
        self.k = k
        self.seed = seed
        self.policy = policy
        self.skipped = 0  # samples that were not finite numbers
        self.categories: list[list[str]] = []  # names met in each category slot, for profiles
        self._progress = Progress(clusters=k)
        self._recent = RecentCustomers(policy.recent_customers)
        self._scaling: Scaling | None = None
        self._online: OnlineKMeans | None = None
        self._published: Matrix = np.empty((0, len(policy.features)))
        self._segments: list[SegmentProfile] = []
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
        self._scaling = Scaling(
            tuple(snapshot.features), tuple(snapshot.log), tuple(snapshot.center), tuple(snapshot.scale)
        )
        self._online = OnlineKMeans(np.array(snapshot.centroids, dtype=np.float64), policy.halflife)
        self._published = self._online.centers
        self._segments = list(snapshot.segments)
        return self

    @property
    def ready(self) -> bool:
        """Whether there are centres."""
        return self._online is not None

    @property
    def centers(self) -> Matrix:
        """Centres in scaled space (k, d); none before the start."""
        return self._published[:0] if self._online is None else self._online.centers

    @property
    def customers(self) -> int:
        """Different customers in the recent sample."""
        return len(self._recent)

    def observe(self, customer_id: str, row: Sequence[float], clock: float, mix: Sequence[float] | None = None) -> None:
        """Learn from one sampled customer: features (len(FEATURES)) at `clock`, epoch seconds.

        `mix` (MIX_SIZE) is for profiles only. A row with a number that is not finite is counted in `skipped` and
        otherwise ignored.
        """
        if self.remember(customer_id, row, clock, mix) and self._online is not None and self._scaling is not None:
            self._progress.counts[self._online.learn_one(self._scaling.point(row))] += 1

    def remember(
        self, customer_id: str, row: Sequence[float], clock: float, mix: Sequence[float] | None = None
    ) -> bool:
        """Keep a sample without moving centres, as when samples already learned are read again; False if skipped."""
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
        """The cluster of a customer, features by name; None while there is none. Changes nothing."""
        if self._online is None or self._scaling is None:
            return None
        row = _row(x)
        return self._online.predict_one(self._scaling.point(row)) if all(map(isfinite, row)) else None

    def ready_to_start(self, clock: float, drained: bool = False) -> bool:
        """Whether the first sample is large and old enough; `drained`: the inputs are read to their end for now."""
        if self.ready or self._progress.first_clock is None:
            return False
        if drained and self.customers >= self._fewest_customers:
            return True
        warm = clock - self._progress.first_clock >= self.policy.warm_up_s
        return warm and self.customers >= self.policy.min_customers

    def ready_to_refit(self, clock: float) -> bool:
        """Whether a fresh start on the recent sample is called for."""
        if not self.ready or self.customers < self._enough_customers:
            return False
        progress = self._progress
        return (
            self._spans_passed(clock) > progress.spans_used
            or self.customers >= self.policy.refit_growth * progress.customers_at_start
            or self._asked_otherwise
        )

    def advance(self, clock: float, drained: bool = False) -> str | None:
        """Start or start afresh if it is time; returns why a snapshot should be published now, if it should."""
        if self._progress.samples >= self._retry_at and (
            self.ready_to_start(clock, drained) or self.ready_to_refit(clock)
        ):
            news = REFIT if self.ready else STARTED
            if self._start(clock):
                self._news = self._news or news
            else:
                self._retry_at = self._progress.samples + self._enough_customers
        return self.due(clock)

    def due(self, clock: float) -> str | None:
        """Why a snapshot should be published at `clock`, or None; changes nothing."""
        progress = self._progress
        if not self.ready or self._news:
            return self._news
        if progress.published_clock is None:
            return STARTED
        since = clock - progress.published_clock
        if since >= self.policy.publish_every_s and progress.samples > progress.published_samples:
            return SCHEDULED
        if since >= self.policy.publish_gap_s and self.moved() > self.policy.publish_move:
            return MOVED
        return None

    def moved(self) -> float:
        """How far the centre that moved most is from where it was published, in mean distances between centres."""
        centers = self.centers
        if len(centers) != len(self._published):
            return 0.0
        steps = np.linalg.norm(centers - self._published, axis=1)
        return float(steps.max() / pdist(centers).mean()) if len(centers) > 1 else 0.0

    def snapshot(self, clock: float, created_at: str, parent: int, reason: str) -> ModelSnapshot:
        """The model as it is, version `parent` + 1; movement is measured from here on.

        `clock`: stream time, epoch seconds; `created_at`: RFC 3339. Raises RuntimeError before the start.
        """
        if self._online is None or self._scaling is None:
            raise RuntimeError("there is nothing to publish yet: wait until advance() gives a reason")
        centers = self._online.centers
        enough = self.customers >= self._enough_customers or len(self._segments) != len(centers)
        if enough:
            self._segments = describe(
                self._scaling, centers, self._recent.matrix(), self._segments, self._recent.mixes(), self.categories
            )
        self._published, self._news = centers, None
        self._progress.published_clock = clock
        self._progress.published_samples = self._progress.samples
        return ModelSnapshot(
            version=parent + 1,
            parent=parent,
            created_at=created_at,
            clock=clock,
            features=list(self._scaling.features),
            log=list(self._scaling.log),
            center=list(self._scaling.center),
            scale=list(self._scaling.scale),
            centroids=centers.tolist(),
            segments=self._segments,
            learner=self._progress.to_json(),
            reason=reason,
        )

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
        features = self._scaling.features if self._scaling else ()
        return self._progress.clusters != self.k or features != self.policy.features

    def _spans_passed(self, clock: float) -> int:
        first = clock if self._progress.first_clock is None else self._progress.first_clock
        return sum(clock - first >= span for span in self.policy.refit_after_s)

    def _start(self, clock: float) -> bool:
        """Put good centres, found on the recent sample, in place of what there is; False if that has too few."""
        progress, rows = self._progress, self._recent.matrix()
        scaling = Scaling.fit(rows, self.policy.features)
        centers = good_start(scaling.points(rows), self.k, np.random.default_rng([self.seed, progress.starts]))
        progress.starts += 1
        if centers is None or len(centers) < min(self.k, len(self.centers)):
            return False
        if self._online is not None and self._scaling is not None:
            centers = centers[_continued(self._scaling, self._online.centers, scaling, centers)]
        self._scaling, self._online = scaling, OnlineKMeans(centers, self.policy.halflife)
        progress.clusters, progress.counts = self.k, [0] * len(centers)
        progress.spans_used, progress.customers_at_start = self._spans_passed(clock), self.customers
        return True


def _row(x: Mapping[str, float]) -> list[float]:
    return [x.get(name, 0.0) for name in FEATURES]


def _continued(old_scaling: Scaling, old: Matrix, scaling: Scaling, new: Matrix) -> npt.NDArray[np.intp]:
    """The order of new centres that keeps ids, judged by the features that both scalings have."""
    shared = [name for name in scaling.features if name in old_scaling.features]
    if not shared:
        return np.arange(len(new))
    mine = [scaling.features.index(name) for name in shared]
    theirs = [old_scaling.features.index(name) for name in shared]
    spread = np.array(scaling.scale)[mine]
    return continue_ids(old_scaling.compared(old)[:, theirs] / spread, scaling.compared(new)[:, mine] / spread)
