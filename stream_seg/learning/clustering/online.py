"""River's KMeans behind types: centres in, centres out, fed with points instead of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .scaling import Matrix


class OnlineKMeans:
    """River's KMeans, begun at given centres (k, d).

    River sums a distance over a *set* of feature names and gives a centre random coordinates for names it has not
    met. Names 0..d-1, always all of them, keep it from both: sets of strings have another order in every process.
    """

    def __init__(self, centers: Matrix, halflife: float) -> None:
        self._d = centers.shape[1]
        from river.cluster import KMeans  # here: see at_need

        self._kmeans: Any = KMeans(n_clusters=len(centers), halflife=halflife, seed=0)
        for index, center in enumerate(centers.tolist()):
            self._kmeans.centers[index].update(enumerate(center))

    @property
    def centers(self) -> Matrix:
        """Where the centres are now (k, d)."""
        rows = [[center[name] for name in range(self._d)] for center in self._kmeans.centers.values()]
        return np.array(rows, dtype=np.float64)

    def learn_one(self, point: Sequence[float]) -> int:
        """Move the centre nearest to a point (d) a step towards it; returns which one moved."""
        return int(self._kmeans.learn_predict_one(dict(enumerate(point))))

    def predict_one(self, point: Sequence[float]) -> int:
        """The centre nearest to a point (d)."""
        return int(self._kmeans.predict_one(dict(enumerate(point))))
