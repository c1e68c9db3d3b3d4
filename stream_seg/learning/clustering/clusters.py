"""Clusters: centers that learn, in a scaled space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .online import OnlineKMeans
from .policy import LearnerPolicy
from .scaling import Matrix, Scaling
from .warm_start import good_start


class Clusters:
    """Centers (k, d) in the scale of `scaling`. Each learned customer moves one of them."""

    def __init__(self, scaling: Scaling, centers: Matrix, learning_rate: float) -> None:
        self.scaling = scaling
        self._online = OnlineKMeans(centers, learning_rate)

    @property
    def centers(self) -> Matrix:
        """Current centers (k, d)."""
        return self._online.centers

    def learn_one(self, row: Sequence[float]) -> int:
        """Move the center nearest to a customer (len(FEATURES)) a step towards it, and return its index."""
        return self._online.learn_one(self.scaling.point(row))

    def nearest(self, rows: Matrix) -> npt.NDArray[np.intp]:
        """Return the index (n,) of the center nearest to each customer (n, len(FEATURES))."""
        from scipy.spatial.distance import cdist  # deferred, see lazy_imports

        indices: npt.NDArray[np.intp] = cdist(self.scaling.points(rows), self.centers, "sqeuclidean").argmin(axis=1)
        return indices

    def saving(self, rows: Matrix, centers: Matrix) -> float:
        """Return the share of squared distance of customers (n, len(FEATURES)) saved over other centers (k, d)."""
        points = self.scaling.points(rows)
        others = float(squares(points, centers).sum())
        return 1.0 - float(squares(points, self.centers).sum()) / others if others > 0 else 0.0

    def seen_from(self, scaling: Scaling) -> Matrix:
        """Return the centers (k, d) as points of another scale of the same features."""
        return self.scaling.moved_to(scaling, self.centers)


def fresh_start(
    rows: Matrix, k: int, policy: LearnerPolicy, rng: np.random.Generator, restarts: int, active: Clusters | None
) -> Clusters | None:
    """Return clusters found on customers (n, len(FEATURES)), n >= 1, or None with fewer than two distinct customers.

    The active scale is kept as long as it fits, because a scale that follows every sample would move customers by
    itself.
    """
    scaling = policy.scaling or Scaling.fit(rows, policy.features)
    if active is not None and not active.scaling.outgrown(scaling, policy.outgrown):
        scaling = active.scaling
    centers = good_start(scaling.points(rows), k, rng, restarts)
    return None if centers is None else Clusters(scaling, centers, policy.learning_rate)


def squares(points: Matrix, centers: Matrix) -> Matrix:
    """Return the squared distance (n,) of points (n, d) to the nearest of centers (k, d)."""
    from scipy.spatial.distance import cdist  # deferred, see lazy_imports

    nearest: Matrix = cdist(points, centers, "sqeuclidean").min(axis=1)
    return nearest
