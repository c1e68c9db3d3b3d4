"""Contenders of the bench of quality: algorithms that cluster sampled customers, all in the scale of the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from river import cluster
from sklearn.cluster import KMeans

from benchmarks.learned import enough
from benchmarks.populations import Day
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.clustering.scaling import Scaling
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.publication import CHALLENGER
from stream_seg.worker.models.samples import FIRST_SAMPLE, SAMPLES_PER_DAY

K = 6
PARTITIONS = 8
SEED = 42
CLUSTREAM_PER_DAY = 60
NEVER = 1e12

Centers = NDArray[np.float64]


class Contender(Protocol):
    """A clustering that sees each day once. `centers` (any number, d) are in the scale of the bench."""

    name: str

    def see(self, day: Day) -> None: ...
    @property
    def centers(self) -> Centers: ...


class Learned:
    """The project's learner, with samples as from workers: a share of the day's customers from each partition.

    `snapshots` are the published ones with the number of the day. `centers` are those of the active snapshot.
    """

    def __init__(self, name: str, scale: Scaling, policy: LearnerPolicy, seed: int = SEED) -> None:
        self.name = name
        self.snapshots: list[tuple[int, ModelSnapshot]] = []
        self._scale = scale
        self._learner = Learner(K, seed, policy)
        self._rng = np.random.default_rng(seed)

    def see(self, day: Day) -> None:
        """Sample a day's customers, partition by partition, and publish a snapshot when the learner has a reason."""
        homes = partitions_of([key.encode() for key in day.keys], PARTITIONS)
        share = (SAMPLES_PER_DAY if self.snapshots else FIRST_SAMPLE) // PARTITIONS
        for partition in range(PARTITIONS):
            mine = np.flatnonzero(homes == partition)
            for at in self._rng.choice(mine, min(share, len(mine)), replace=False).tolist():
                self._learner.observe(day.keys[at], day.rows[at].tolist(), day.clock)
            if reason := self._learner.advance(day.clock):
                parent = self.snapshots[-1][1].version if self.snapshots else 0
                snapshot = self._learner.snapshot(day.clock, "2026-01-01T00:00:00Z", parent, reason)
                self.snapshots.append((day.number, snapshot))

    @property
    def centers(self) -> Centers:
        """Centers of the active snapshot."""
        return in_scale(self.snapshots[-1][1], self._scale) if self.snapshots else np.empty((0, 0))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the segments, in the order of the centers."""
        return self.snapshots[-1][1].numbers if self.snapshots else ()

    @property
    def promotions(self) -> list[int]:
        """Days on which a challenger won."""
        return [day for day, snapshot in self.snapshots if snapshot.reason == CHALLENGER]


def in_scale(snapshot: ModelSnapshot, scale: Scaling) -> Centers:
    """Return the centroids of a snapshot as points of another scale."""
    return Scaling.of(snapshot).moved_to(scale, np.array(snapshot.centroids))


class Streamed:
    """A clustering of River as it is, which learns `per_day` sampled customers per day."""

    def __init__(self, name: str, scale: Scaling, make: Callable[[], Any], per_day: int = SAMPLES_PER_DAY) -> None:
        self.name = name
        self._scale = scale
        self._clustering = make()
        self._per_day = per_day
        self._rng = np.random.default_rng(SEED)

    def see(self, day: Day) -> None:
        """Learn a sample of the day's customers."""
        chosen = self._rng.choice(len(day.rows), min(self._per_day, len(day.rows)), replace=False)
        for point in self._scale.points(day.rows[chosen]).tolist():
            self._clustering.learn_one(dict(enumerate(point)))

    @property
    def centers(self) -> Centers:
        """Current centers. DBSTREAM chooses their number itself."""
        found = getattr(self._clustering, "centers", None) or {}
        d = len(self._scale.features)
        return np.array([[center.get(name, 0.0) for name in range(d)] for center in found.values()]).reshape(-1, d)


class Nightly:
    """Batch k-means (scikit-learn, n_init 10) on all customers, either every night or only once."""

    def __init__(self, name: str, scale: Scaling, first_day: int, *, again: bool) -> None:
        self.name = name
        self._scale = scale
        self._first_day = first_day
        self._again = again
        self._centers: Centers = np.empty((0, len(scale.features)))

    def see(self, day: Day) -> None:
        """Fit the clusters if a fit is due."""
        if day.number >= self._first_day and (self._again or not len(self._centers)):
            self._centers = batch(self._scale.points(day.rows), seed=day.number).cluster_centers_

    @property
    def centers(self) -> Centers:
        """Centers of the last fit."""
        return self._centers


def batch(points: Centers, seed: int = 0) -> Any:
    """Return the reference for all contenders: scikit-learn's k-means, the best of ten starts."""
    return KMeans(K, n_init=10, random_state=seed).fit(points)


def contenders(scale: Scaling, first_day: int, dbstream_threshold: float, customers: int) -> list[Contender]:
    """Return all contenders, the project's learner first. Batch contenders have their first fit on `first_day`.

    CluStream and DBSTREAM have the best settings of a small grid, see the page of quality in benchmarks/results.
    CluStream takes 1.6 ms per customer, so it sees fewer customers.
    """
    policy = LearnerPolicy(features=scale.features, scaling=scale, min_customers=enough(customers))
    return [
        Learned("stream_seg", scale, policy),
        Learned("stream_seg, its own scale", scale, replace(policy, scaling=None)),
        Learned(
            "stream_seg without challenger", scale, replace(policy, challenge_every_s=NEVER, challenge_growth=NEVER)
        ),
        Streamed(
            "River KMeans, as documented",
            scale,
            lambda: cluster.KMeans(n_clusters=K, halflife=0.1, sigma=3, seed=SEED),
        ),
        Streamed(
            "River CluStream",
            scale,
            lambda: cluster.CluStream(
                n_macro_clusters=K,
                max_micro_clusters=100,
                micro_cluster_r_factor=2,
                time_window=1000,
                time_gap=60,
                seed=SEED,
                halflife=0.5,
            ),
            per_day=min(CLUSTREAM_PER_DAY, customers // 10),
        ),
        Streamed(
            "River DBSTREAM",
            scale,
            lambda: cluster.DBSTREAM(
                clustering_threshold=dbstream_threshold,
                fading_factor=0.001,
                cleanup_interval=100,
                intersection_factor=0.3,
                minimum_weight=1.0,
            ),
        ),
        Nightly("the first model, never updated", scale, first_day, again=False),
        Nightly("refit every night", scale, first_day, again=True),
    ]
