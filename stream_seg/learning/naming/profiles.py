"""Profiles: how large each segment is and what its customers are like, in human units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from stream_seg.core.features import FEATURES, PACES
from stream_seg.learning.clustering.sampled import Sampled
from stream_seg.learning.clustering.scaling import Matrix, robust_scale, to_log

# However wide a population spreads, 2.2 times the usual is clearly different.
WIDEST_SPREAD: Final = 0.8
# How much and how often is compared with customers who order: beside those who never did, everyone orders often.
_OF_THOSE_WHO_ORDER: Final = frozenset({"order_rate", "spend_rate", "order_pace", "spend_pace"})


@dataclass(frozen=True)
class Profile:
    """One segment in a sample: customers in it, their share of all, the medians of features (of paces their rates).

    `medians` leave out what most of its customers do not have, as a basket where most never ordered. The flags say
    whether most never ordered, bought on one day only, or ordered and kept nothing.
    """

    customers: int
    share: float
    medians: dict[str, float]  # strongest difference to the whole sample first
    without_orders: bool = False
    one_time: bool = False
    returned_everything: bool = False


@dataclass(frozen=True)
class Population:
    """What everyone in a sample is like: per feature the median and spread of values as they are compared."""

    center: dict[str, float]
    spread: dict[str, float]

    @classmethod
    def of(cls, sample: Sampled) -> Population:
        """Return the population of a sample of n >= 1 customers, each feature over those who have it."""
        columns = {}
        for at, name in enumerate(FEATURES):
            who = sample.ordered if name in _OF_THOSE_WHO_ORDER else sample.known[:, at]
            columns[name] = to_log(sample.rows[who, at] if who.any() else np.zeros(1), name)
        return cls(
            center={name: float(np.median(column)) for name, column in columns.items()},
            spread={name: min(robust_scale(column, name), WIDEST_SPREAD) for name, column in columns.items()},
        )

    def standing(self, feature: str, value: float) -> float:
        """Return how far a value in human units lies above (or below) everyone's median, in spreads."""
        compared = float(to_log(np.array([value]), feature)[0])
        return (compared - self.center[feature]) / self.spread[feature]


def profiles(
    sample: Sampled,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    typical: Matrix,
    population: Population,
) -> list[Profile]:
    """Return profiles of k segments, from a sample of n customers and the segment of each of them (n,).

    `typical` (k, len(FEATURES)) describes a segment that no customer of the sample is in.
    """
    out = []
    for index, fallback in enumerate(typical):
        members = sample.among(labels == index)
        described = members if len(members.rows) else Sampled.of(fallback[np.newaxis])
        told = ((name, value) for name, value in described.medians().items() if name not in PACES)
        by_difference = sorted(told, key=lambda item: -abs(population.standing(*item)))
        out.append(
            Profile(
                len(members.rows),
                len(members.rows) / len(sample.rows),
                dict(by_difference),
                described.without_orders,
                described.one_time,
                described.returned_everything,
            )
        )
    return out
