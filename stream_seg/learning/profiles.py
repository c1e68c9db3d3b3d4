"""Profiles: how large each segment is and what its customers are like, in human units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from stream_seg.core.features import FEATURES, PACES

from .scaling import Matrix, robust_scale, to_log

# However wide a population spreads, 2.2 times the usual is clearly different.
WIDEST_SPREAD: Final = 0.8


@dataclass(frozen=True)
class Profile:
    """One segment in a sample: customers in it, their share of all, the medians of features (of paces their rates)."""

    customers: int
    share: float
    medians: dict[str, float]  # strongest difference to the whole sample first


@dataclass(frozen=True)
class Population:
    """What everyone in a sample is like: per feature the median and spread of values as they are compared."""

    center: dict[str, float]
    spread: dict[str, float]

    @classmethod
    def of(cls, rows: Matrix) -> Population:
        """The population of a sample (n, len(FEATURES)), n >= 1."""
        columns = {name: to_log(rows[:, index], name) for index, name in enumerate(FEATURES)}
        return cls(
            center={name: float(np.median(column)) for name, column in columns.items()},
            spread={name: min(robust_scale(column, name), WIDEST_SPREAD) for name, column in columns.items()},
        )

    def standing(self, feature: str, value: float) -> float:
        """How far a value in human units lies above (or below) everyone's median, in spreads."""
        compared = float(to_log(np.array([value]), feature)[0])
        return (compared - self.center[feature]) / self.spread[feature]


def profiles(rows: Matrix, labels: np.ndarray[tuple[int, ...], np.dtype[np.intp]], typical: Matrix) -> list[Profile]:
    """Profiles of k segments, from a sample (n, len(FEATURES)) and the segment of each of its customers (n,).

    `typical` (k, len(FEATURES)) describes a segment that nobody in the sample is in.
    """
    population = Population.of(rows)
    out = []
    for index, fallback in enumerate(typical):
        members = rows[labels == index]
        medians = np.median(members, axis=0) if len(members) else fallback
        named = {name: float(value) for name, value in zip(FEATURES, medians, strict=True) if name not in PACES}
        by_difference = sorted(named.items(), key=lambda item: -abs(population.standing(*item)))
        out.append(Profile(len(members), len(members) / len(rows), dict(by_difference)))
    return out
