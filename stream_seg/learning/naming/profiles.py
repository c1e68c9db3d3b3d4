"""Profiles: the size of each segment and the medians of its customers, in human units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from stream_seg.core.feature_names import FEATURES, PACES
from stream_seg.learning.clustering.scaling import Matrix, robust_scale, to_log

from .sampled import Sampled

# In any population, however wide, 2.2 times the median is a clear difference.
WIDEST_SPREAD: Final = 0.8
# These features are compared with customers who order. Next to customers without orders, every buyer orders often.
_AMONG_BUYERS: Final = frozenset({"order_rate", "spend_rate", "order_pace", "spend_pace"})


@dataclass(frozen=True)
class Profile:
    """The profile of one segment: customers of the sample, their share of the sample, and medians of features.

    `medians` contain no paces, because the rates tell the same. They also leave out features that most customers of the
    segment do not have, such as a basket where most never ordered. The flags say whether most never ordered, bought on
    one day only, or ordered and kept nothing.
    """

    customers: int
    share: float
    medians: dict[str, float]  # the strongest difference to the whole sample first
    without_orders: bool = False
    one_time: bool = False
    returned_everything: bool = False


@dataclass(frozen=True)
class Population:
    """The median and spread of each feature over a sample, in the units of `to_log`."""

    center: dict[str, float]
    spread: dict[str, float]

    @classmethod
    def of(cls, sample: Sampled) -> Population:
        """Return the population of a sample of n >= 1 customers. Each feature counts only customers who have it."""
        columns = {}
        for at, name in enumerate(FEATURES):
            included = sample.ordered if name in _AMONG_BUYERS else sample.known[:, at]
            columns[name] = to_log(sample.rows[included, at] if included.any() else np.zeros(1), name)
        return cls(
            center={name: float(np.median(column)) for name, column in columns.items()},
            spread={name: min(robust_scale(column, name), WIDEST_SPREAD) for name, column in columns.items()},
        )

    def z_score(self, feature: str, value: float) -> float:
        """Return how far a value in human units lies above (or below) the median, in spreads."""
        compared = float(to_log(np.array([value]), feature)[0])
        return (compared - self.center[feature]) / self.spread[feature]


def profiles(
    sample: Sampled,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    typical: Matrix,
    population: Population,
) -> list[Profile]:
    """Return profiles of k segments, from a sample of n customers and the segment of each of them (n,).

    `typical` (k, len(FEATURES)) describes segments without customers in the sample.
    """
    out = []
    for index, fallback in enumerate(typical):
        members = sample.among(labels == index)
        described = members if len(members.rows) else Sampled.of(fallback[np.newaxis])
        shown = ((name, value) for name, value in described.medians().items() if name not in PACES)
        by_difference = sorted(shown, key=lambda item: -abs(population.z_score(*item)))
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
