"""A segment model: an immutable, versioned snapshot that turns a matrix of features into segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .features import FEATURES, Matrix

BEHAVIOR = "behavior"


def segment_id(index: int) -> str:
    """Name of a cluster as the world sees it."""
    return f"b{index}"


class Assignment(NamedTuple):
    """Nearest and second nearest segment of n customers, and the distances (n, k) to all centres."""

    best: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    distances: Matrix


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """Scaling, centres and names of the behavior dimension.

    `features` are names out of `FEATURES`, d of them; `log` says which are taken as log(1 + x) first; `center` and
    `scale` are (d,), `centroids` (k, d) in scaled space, `names` k words for people. `given`: the segments, by index,
    whose name a person gave.
    """

    version: int
    features: tuple[str, ...]
    log: tuple[bool, ...]
    center: Matrix
    scale: Matrix
    centroids: Matrix
    names: tuple[str, ...]
    given: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        d, k = len(self.features), len(self.names)
        unknown = set(self.features) - set(FEATURES)
        if unknown:
            raise ValueError(
                f"model {self.version} uses features {sorted(unknown)}, which this version does not compute"
            )
        if self.centroids.shape != (k, d) or self.center.shape != (d,) or self.scale.shape != (d,):
            raise ValueError(
                f"model {self.version}: {d} features and {k} names do not fit centroids {self.centroids.shape}"
            )
        if not (np.isfinite(self.centroids).all() and np.isfinite(self.center).all() and (self.scale > 0).all()):
            raise ValueError(f"model {self.version} holds numbers that are not finite, or a scale that is not positive")

    @cached_property
    def _columns(self) -> npt.NDArray[np.intp]:
        return np.array([FEATURES.index(name) for name in self.features])

    @cached_property
    def _log_columns(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.log)

    def scaled(self, matrix: Matrix) -> Matrix:
        """The model's features (n, d) of a feature matrix (n, len(FEATURES)), scaled as the centres are."""
        chosen = matrix[:, self._columns]
        chosen[:, self._log_columns] = np.log1p(chosen[:, self._log_columns])
        return (chosen - self.center) / self.scale

    def assign(self, matrix: Matrix) -> Assignment:
        """Segments of a feature matrix (n, len(FEATURES)); of two equally near centres the first wins."""
        points = self.scaled(matrix)
        squares = np.empty((len(points), len(self.names)))
        for index, centroid in enumerate(self.centroids):
            apart = points - centroid
            squares[:, index] = np.einsum("ij,ij->i", apart, apart)
        best = squares.argmin(axis=1)
        rest = squares.copy()
        rest[np.arange(len(rest)), best] = np.inf
        second = rest.argmin(axis=1) if len(self.names) > 1 else best
        return Assignment(best, second, np.sqrt(squares))
