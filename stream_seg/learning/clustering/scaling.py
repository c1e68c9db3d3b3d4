"""Scaling: features of customers as points in which a distance of one means about the same in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.features import FEATURES

Matrix = npt.NDArray[np.float64]

# Features that span orders of magnitude are compared by ratio: 2 orders against 1 is as far as 20 against 10.
LOG_FEATURES: Final = frozenset(FEATURES) - {"refund_share"}

# Differences below these are noise whatever the sample says: about 15 % of a rate, five points of a share. They
# also keep a feature that is the same for (nearly) everyone from blowing up.
LOG_SCALE_FLOOR: Final = 0.15
SHARE_SCALE_FLOOR: Final = 0.05

# Learning sees nobody farther out than this many scales: who placed 1,000 orders still counts as a heavy buyer,
# but cannot drag a centre away, let alone own one.
CLIP: Final = 4.0

_LOG_LIMIT: Final = 700.0  # e to this is still a double
_IQR_OF_NORMAL: Final = 1.349  # width of the middle half of a normal distribution, in standard deviations
_WIDE_OF_NORMAL: Final = 3.290  # the same of its middle 90 %


def to_log(column: Matrix, feature: str) -> Matrix:
    """A feature's values as they are compared: log(1 + x) where ratios matter, never below 0."""
    floored = np.maximum(column, 0.0)
    return np.log1p(floored) if feature in LOG_FEATURES else floored


def robust_scale(values: Matrix, feature: str) -> float:
    """Spread of values (n,) that are already as compared, in standard deviations of a normal distribution.

    The larger of what the middle half and the middle 90 % say, and at least the feature's floor. Where most customers
    share one value (few ever return anything) the half says nothing.
    """
    low, lower, upper, high = np.quantile(values, (0.05, 0.25, 0.75, 0.95))
    floor = LOG_SCALE_FLOOR if feature in LOG_FEATURES else SHARE_SCALE_FLOOR
    return float(max((upper - lower) / _IQR_OF_NORMAL, (high - low) / _WIDE_OF_NORMAL, floor))


@dataclass(frozen=True)
class Scaling:
    """Which features are learned, and what each is shifted and divided by; all tuples have length d."""

    features: tuple[str, ...]
    log: tuple[bool, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, rows: Matrix, features: Sequence[str]) -> Self:
        """Median and robust spread of customers (n, len(FEATURES)), n >= 1, in the features named."""
        columns = [to_log(rows[:, FEATURES.index(name)], name) for name in features]
        return cls(
            features=tuple(features),
            log=tuple(name in LOG_FEATURES for name in features),
            center=tuple(float(np.median(column)) for column in columns),
            scale=tuple(robust_scale(column, name) for column, name in zip(columns, features, strict=True)),
        )

    @classmethod
    def of(cls, snapshot: ModelSnapshot) -> Self:
        """The scale in which a snapshot's centroids are."""
        return cls(tuple(snapshot.features), tuple(snapshot.log), tuple(snapshot.center), tuple(snapshot.scale))

    def outgrown(self, other: Scaling, factor: float) -> bool:
        """Whether another scale is wider or narrower by `factor`, or its middle lies a whole scale away."""
        if self.features != other.features or self.log != other.log:
            return True
        scale, center = np.array(self.scale), np.array(self.center)
        wider = np.array(other.scale) / scale
        away = np.abs(np.array(other.center) - center) / scale
        return bool((np.maximum(wider, 1 / wider) > factor).any() or (away > 1.0).any())

    def points(self, rows: Matrix) -> Matrix:
        """Customers (n, len(FEATURES)) as points (n, d), clipped to `CLIP`."""
        chosen = np.maximum(rows[:, [FEATURES.index(name) for name in self.features]], 0.0)
        logged = np.where(self.log, np.log1p(chosen), chosen)
        scaled: Matrix = np.clip((logged - self.center) / self.scale, -CLIP, CLIP)
        return scaled

    def point(self, row: Sequence[float]) -> list[float]:
        """One customer (len(FEATURES)) as a point (d), like `points` but cheap for a single one."""
        out = []
        for name, log, center, scale in zip(self.features, self.log, self.center, self.scale, strict=True):
            value = max(row[_INDEX[name]], 0.0)
            scaled = ((log1p(value) if log else value) - center) / scale
            out.append(min(max(scaled, -CLIP), CLIP))
        return out

    def compared(self, points: Matrix) -> Matrix:
        """Points (k, d) before shifting and dividing: the scale that all scalings share."""
        compared: Matrix = points * np.array(self.scale) + np.array(self.center)
        return compared

    def moved_to(self, other: Scaling, points: Matrix) -> Matrix:
        """Points (k, d) as points of another scale of the same features."""
        moved: Matrix = (self.compared(points) - np.array(other.center)) / np.array(other.scale)
        return moved

    def human(self, points: Matrix) -> Matrix:
        """Points (k, d) in human units: orders, money, days."""
        logged = np.flatnonzero(self.log)
        human = self.compared(points)
        human[:, logged] = np.expm1(np.minimum(human[:, logged], _LOG_LIMIT))
        human[human < 0.0] = 0.0
        return human


_INDEX: Final = {name: index for index, name in enumerate(FEATURES)}
