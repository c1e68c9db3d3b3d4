"""The segment model of the behavior dimension, which turns features into segments, and hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.core.feature_names import FEATURES
from stream_seg.core.features import Matrix


def segment_id(number: int) -> str:
    """Return the public id of a cluster."""
    return f"b{number}"


class Assignment(NamedTuple):
    """The nearest and second nearest segment of n customers by number, and the distances (n, names) to all centers.

    `apart` (names, names) holds the distances between centers. It is infinite for numbers without a center.
    """

    best: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    distances: Matrix
    apart: Matrix


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """An immutable, versioned snapshot of scaling, centers and segment names.

    `features` are d names from `FEATURES`, and `log` marks those that become log(1 + x) first. `center` and `scale` are
    (d,), `centroids` (k, d) in scaled space. `numbers` are the k segment numbers, ascending, by default 0 to k - 1.
    `names` are display names by number. The number of an ended segment has no center, and any name. `user_named` holds
    the numbers of segments that a marketer named.
    """

    version: int
    features: tuple[str, ...]
    log: tuple[bool, ...]
    center: Matrix
    scale: Matrix
    centroids: Matrix
    names: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    user_named: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        numbers = self.places
        d, k = len(self.features), len(numbers)
        if list(numbers) != sorted(set(numbers)) or len(self.names) != numbers[-1] + 1:
            raise ValueError(f"model {self.version} has segments {numbers} and {len(self.names)} names")
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
            raise ValueError(f"model {self.version} has numbers that are not finite, or a scale that is not positive")

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The segment numbers, in the order of the centroids."""
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
        """Return the model's features (n, d) of a feature matrix (n, len(FEATURES)), in the space of the centers."""
        chosen = matrix[:, self._columns]
        chosen[:, self._log_columns] = np.log1p(chosen[:, self._log_columns])
        return (chosen - self.center) / self.scale

    def assign(self, matrix: Matrix) -> Assignment:
        """Return the segments of a feature matrix (n, len(FEATURES)), by number.

        The first of two equally near centers wins. Distances to numbers without a center are infinite.
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


# A customer who has just moved must go this far past the next border, even if the margin is smaller. The excess over
# the margin halves with every five dwells in the segment. Most flaps occur in the days after a move.
_FRESH_MARGIN: Final = 0.4
_DWELLS_TO_HALF: Final = 5.0


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """The rule that keeps a customer at the border of two segments from flapping.

    A customer moves only from beyond the border of the current segment, by the share `margin` of the way from the
    border to the nearest center, and after `dwell_s` seconds in the segment. With a dwell, the margin is wider after a
    move and narrows over time in the segment. With both at zero, every customer moves to the nearest segment.
    """

    margin: float = 0.0
    dwell_s: float = 0.0

    def moves(
        self, assignment: Assignment, current: npt.NDArray[np.intp], since: Matrix, now: Matrix
    ) -> npt.NDArray[np.bool_]:
        """Return which of n customers change segment.

        `current` (n,) are their segments by number, -1 for none. `since` and `now` (n,) are epoch seconds.
        """
        distances, best = assignment.distances, assignment.best
        rows = np.arange(len(current))
        settled = (current >= 0) & (current < distances.shape[1])
        settled &= np.isfinite(distances[rows, np.where(settled, current, 0)])  # customers leave an ended one at once
        place = np.where(settled, current, best)
        age = np.maximum(now - since, 0.0)
        # Along the line between two centers, the difference of squares grows linearly, from 0 at the border, half-way,
        # to the square of the line's length at the center. Beside the line it equals that of the nearest point on it.
        past = distances[rows, place] ** 2 - distances[rows, best] ** 2
        beyond = past > self._margins(age) * assignment.apart[place, best] ** 2
        moving: npt.NDArray[np.bool_] = (best != current) & (~settled | (beyond & (age >= self.dwell_s)))
        return moving

    def _margins(self, age: Matrix) -> Matrix | float:
        """Return the margins of customers who have been in their segment for `age` (n,) seconds."""
        if not self.dwell_s:
            return self.margin
        excess = max(_FRESH_MARGIN - self.margin, 0.0)
        margins: Matrix = self.margin + excess * np.exp2(-age / (_DWELLS_TO_HALF * self.dwell_s))
        return margins
