"""River's KMeans with typed arrays: centers in, centers out, and points instead of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .scaling import Matrix


class OnlineKMeans:
    """River's KMeans, started at given centers (k, d).

    Feature names are the integers 0..d-1, and every point has all of them, for two reasons. River sums a distance over
    a *set* of feature names, and sets of strings have another order in every process. It also gives a center random
    coordinates for names that it has not seen.
    """

    def __init__(self, centers: Matrix, learning_rate: float) -> None:
        self._d = centers.shape[1]
        from river.cluster import KMeans  # deferred, see lazy_imports

        # River calls the learning rate `halflife`.
        self._kmeans: Any = KMeans(n_clusters=len(centers), halflife=learning_rate, seed=0)
        for index, center in enumerate(centers.tolist()):
            self._kmeans.centers[index].update(enumerate(center))

    @property
    def centers(self) -> Matrix:
        """Current centers (k, d)."""
        rows = [[center[name] for name in range(self._d)] for center in self._kmeans.centers.values()]
        return np.array(rows, dtype=np.float64)

    def learn_one(self, point: Sequence[float]) -> int:
        """Move the center nearest to a point (d) a step towards it, and return its index."""
        return int(self._kmeans.learn_predict_one(dict(enumerate(point))))
