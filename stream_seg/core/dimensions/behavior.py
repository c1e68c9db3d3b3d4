"""A segment model: an immutable, versioned snapshot that turns a matrix of features into segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.core.features import FEATURES, Matrix

BEHAVIOR = "behavior"


def segment_id(number: int) -> str:
    """The id of a cluster as the world sees it."""
    return f"b{number}"


class Assignment(NamedTuple):
    """Nearest and second nearest segment of n customers by number, and the distances (n, names) to all centres.

    `apart` (names, names) are those of the centres to each other; infinite to numbers that have no centre.
    """

    best: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    distances: Matrix
    apart: Matrix


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """Scaling, centres and names of the behavior dimension.

    `features` are names out of `FEATURES`, d of them; `log` says which are taken as log(1 + x) first; `center` and
    `scale` are (d,), `centroids` (k, d) in scaled space. `numbers` are those of the k segments, ascending; without
    them 0 to k - 1. `names` are words for people, by number; a number whose segment ended has no centre, and any name.
    `given`: the numbers of segments whose name a person gave.
    """

    version: int
    features: tuple[str, ...]
    log: tuple[bool, ...]
    center: Matrix
    scale: Matrix
    centroids: Matrix
    names: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    given: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        numbers = self.places
        d, k = len(self.features), len(numbers)
        if list(numbers) != sorted(set(numbers)) or len(self.names) != numbers[-1] + 1:
            raise ValueError(f"model {self.version} has segments {numbers}, and {len(self.names)} names up to the last")
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
    def places(self) -> tuple[int, ...]:
        """The numbers of the segments, in the order of the centroids."""
        return self.numbers or tuple(range(len(self.names)))

    @cached_property
    def _columns(self) -> npt.NDArray[np.intp]:
        return np.array([FEATURES.index(name) for name in self.features])

    @cached_property
    def _log_columns(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.log)

    @cached_property
    def _apart(self) -> Matrix:
        apart = np.full((len(self.names), len(self.names)), np.inf)
        between = np.linalg.norm(self.centroids[:, np.newaxis] - self.centroids, axis=2)
        apart[np.ix_(self.places, self.places)] = between
        return apart

    def scaled(self, matrix: Matrix) -> Matrix:
        """The model's features (n, d) of a feature matrix (n, len(FEATURES)), scaled as the centres are."""
        chosen = matrix[:, self._columns]
        chosen[:, self._log_columns] = np.log1p(chosen[:, self._log_columns])
        return (chosen - self.center) / self.scale

    def assign(self, matrix: Matrix) -> Assignment:
        """Segments of a feature matrix (n, len(FEATURES)), by number; of two equally near centres the first wins.

        Distances are infinite to numbers that have no centre.
        """
        points = self.scaled(matrix)
        squares = np.full((len(points), len(self.names)), np.inf)
        for number, centroid in zip(self.places, self.centroids, strict=True):
            apart = points - centroid
            squares[:, number] = np.einsum("ij,ij->i", apart, apart)
        best = squares.argmin(axis=1)
        rest = squares.copy()
        rest[np.arange(len(rest)), best] = np.inf
        second = rest.argmin(axis=1) if len(self.places) > 1 else best
        return Assignment(best, second, np.sqrt(squares), self._apart)
