"""Clusters: centres that learn, and the scale in which they live."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .online import OnlineKMeans
from .policy import LearnerPolicy
from .scaling import Matrix, Scaling
from .warm_start import good_start


class Clusters:
    """Centres (k, d) in the scale of `scaling`, moved by each customer learned."""

    def __init__(self, scaling: Scaling, centers: Matrix, halflife: float) -> None:
        self.scaling = scaling
        self._online = OnlineKMeans(centers, halflife)

    @property
    def centers(self) -> Matrix:
        """Where the centres are now (k, d)."""
        return self._online.centers

    def learn_one(self, row: Sequence[float]) -> int:
        """Move the centre nearest to a customer (len(FEATURES)) a step towards them; returns which one moved."""
        return self._online.learn_one(self.scaling.point(row))

    def predict_one(self, row: Sequence[float]) -> int:
        """The centre nearest to a customer (len(FEATURES))."""
        return self._online.predict_one(self.scaling.point(row))

    def nearest(self, rows: Matrix) -> npt.NDArray[np.intp]:
        """The place of the centre nearest to each customer (n, len(FEATURES)), (n,)."""
        from scipy.spatial.distance import cdist  # here: see at_need

        places: npt.NDArray[np.intp] = cdist(self.scaling.points(rows), self.centers, "sqeuclidean").argmin(axis=1)
        return places

    def saving(self, rows: Matrix, centers: Matrix) -> float:
        """The share of the squared distance of customers (n, len(FEATURES)) saved on other centres (k, d)."""
        points = self.scaling.points(rows)
        others = float(squares(points, centers).sum())
        return 1.0 - float(squares(points, self.centers).sum()) / others if others > 0 else 0.0

    def seen_from(self, scaling: Scaling) -> Matrix:
        """The centres (k, d) as points of another scale of the same features."""
        return self.scaling.moved_to(scaling, self.centers)


def fresh_start(
    rows: Matrix, k: int, policy: LearnerPolicy, rng: np.random.Generator, restarts: int, held: Clusters | None
) -> Clusters | None:
    """Clusters found on customers (n, len(FEATURES)), n >= 1; None while there are not two different ones.

    The scale in force is kept as long as it fits: one that follows every sample would move customers by itself.
    """
    scaling = policy.scaling or Scaling.fit(rows, policy.features)
    if held is not None and not held.scaling.outgrown(scaling, policy.outgrown):
        scaling = held.scaling
    centers = good_start(scaling.points(rows), k, rng, restarts)
    return None if centers is None else Clusters(scaling, centers, policy.halflife)


def squares(points: Matrix, centers: Matrix) -> Matrix:
    """Squared distance of points (n, d) to the nearest of centres (k, d), (n,)."""
    from scipy.spatial.distance import cdist  # here: see at_need

    nearest: Matrix = cdist(points, centers, "sqeuclidean").min(axis=1)
    return nearest
