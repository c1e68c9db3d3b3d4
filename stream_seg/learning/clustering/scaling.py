"""Scaling of features to points, so that a distance of one means about the same in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES

Matrix = npt.NDArray[np.float64]

# Features that span orders of magnitude are compared by ratio. 2 orders are as far from 1 as 20 are from 10.
LOG_FEATURES: Final = frozenset(FEATURES) - {"refund_share"}

# Smaller differences are noise in any sample. The floors are about 15 % of a rate and five points of a share. They also
# keep a feature that is the same for nearly all customers from dominating the distance.
LOG_SCALE_FLOOR: Final = 0.15
SHARE_SCALE_FLOOR: Final = 0.05

# Points are clipped at this many scales. A customer with 1,000 orders still counts as a heavy buyer, but can neither
# drag a center away nor get one alone.
CLIP: Final = 4.0

_LOG_LIMIT: Final = 700.0  # e to the power of this is still a finite double
_IQR_OF_NORMAL: Final = 1.349  # width of the middle half of a normal distribution, in standard deviations
_WIDE_OF_NORMAL: Final = 3.290  # width of its middle 90 %


def to_log(column: Matrix, feature: str) -> Matrix:
    """Return the values (n,) of a feature as they are compared: log(1 + x) where ratios matter, never below 0."""
    floored = np.maximum(column, 0.0)
    return np.log1p(floored) if feature in LOG_FEATURES else floored


def robust_scale(values: Matrix, feature: str) -> float:
    """Return the spread of values (n,) from `to_log`, in standard deviations of a normal distribution.

    It is the larger of two estimates, from the middle half and from the middle 90 %, and at least the feature's floor.
    The middle half has no width where most customers share one value, as with refunds.
    """
    low, lower, upper, high = np.quantile(values, (0.05, 0.25, 0.75, 0.95))
    floor = LOG_SCALE_FLOOR if feature in LOG_FEATURES else SHARE_SCALE_FLOOR
    return float(max((upper - lower) / _IQR_OF_NORMAL, (high - low) / _WIDE_OF_NORMAL, floor))


@dataclass(frozen=True)
class Scaling:
    """The learned features with the shift and the divisor of each. All tuples have length d."""

    features: tuple[str, ...]
    log: tuple[bool, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, rows: Matrix, features: Sequence[str]) -> Self:
        """Return the median and robust spread of customers (n, len(FEATURES)), n >= 1, in the given features."""
        columns = [to_log(rows[:, FEATURES.index(name)], name) for name in features]
        return cls(
            features=tuple(features),
            log=tuple(name in LOG_FEATURES for name in features),
            center=tuple(float(np.median(column)) for column in columns),
            scale=tuple(robust_scale(column, name) for column, name in zip(columns, features, strict=True)),
        )

    @classmethod
    def of(cls, snapshot: ModelSnapshot) -> Self:
        """Return the scale of a snapshot's centroids."""
        return cls(tuple(snapshot.features), tuple(snapshot.log), tuple(snapshot.center), tuple(snapshot.scale))

    def outgrown(self, other: Scaling, factor: float) -> bool:
        """Return whether another scale is wider or narrower by `factor`, or its middle is more than one scale away."""
        if self.features != other.features or self.log != other.log:
            return True
        scale, center = np.array(self.scale), np.array(self.center)
        wider = np.array(other.scale) / scale
        away = np.abs(np.array(other.center) - center) / scale
        return bool((np.maximum(wider, 1 / wider) > factor).any() or (away > 1.0).any())

    def points(self, rows: Matrix) -> Matrix:
        """Return customers (n, len(FEATURES)) as points (n, d), clipped to `CLIP`."""
        chosen = np.maximum(rows[:, [FEATURES.index(name) for name in self.features]], 0.0)
        logged = np.where(self.log, np.log1p(chosen), chosen)
        scaled: Matrix = np.clip((logged - self.center) / self.scale, -CLIP, CLIP)
        return scaled

    def point(self, row: Sequence[float]) -> list[float]:
        """Return one customer (len(FEATURES)) as a point (d). Cheaper than `points` for a single customer."""
        out = []
        for name, log, center, scale in zip(self.features, self.log, self.center, self.scale, strict=True):
            value = max(row[_INDEX[name]], 0.0)
            scaled = ((log1p(value) if log else value) - center) / scale
            out.append(min(max(scaled, -CLIP), CLIP))
        return out

    def compared(self, points: Matrix) -> Matrix:
        """Return points (k, d) before shifting and dividing, in the units that all scalings share."""
        compared: Matrix = points * np.array(self.scale) + np.array(self.center)
        return compared

    def moved_to(self, other: Scaling, points: Matrix) -> Matrix:
        """Return points (k, d) as points of another scale of the same features."""
        moved: Matrix = (self.compared(points) - np.array(other.center)) / np.array(other.scale)
        return moved

    def human(self, points: Matrix) -> Matrix:
        """Return points (k, d) in human units: orders, money, days."""
        logged = np.flatnonzero(self.log)
        human = self.compared(points)
        human[:, logged] = np.expm1(np.minimum(human[:, logged], _LOG_LIMIT))
        human[human < 0.0] = 0.0
        return human


_INDEX: Final = {name: index for index, name in enumerate(FEATURES)}
