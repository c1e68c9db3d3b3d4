"""Sampled customers with their features, and flags for the features that each customer has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from stream_seg.core.activity_mix import MIX_SIZE, ORDER_COUNT, Mix
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.scaling import Matrix

Flags = npt.NDArray[np.bool_]

# Orders per 30 days. Customers who ever ordered stay above the first limit for 30 half-lives. Below the second limit,
# `core.features` gives no basket.
_NO_ORDERS: Final = 1e-9
_FAINT_ORDERS: Final = 1e-6
_EVERYTHING: Final = 0.995  # a larger share of refunded money counts as all of it

_AT: Final = {name: index for index, name in enumerate(FEATURES)}


@dataclass(frozen=True)
class Sampled:
    """n customers of a sample: features (n, len(FEATURES)), numbers of their mixes (n, MIX_SIZE) and flags.

    `ordered` (n,): whether the record counts an order that was not canceled. `known` (n, len(FEATURES)): whether the
    customer has the feature. Customers without orders have no basket, no last order and no share of refunded money.
    Customers who bought on one day only have no gap between orders. The values of such features are 0, or counted from
    another day, and must not be shown.
    """

    rows: Matrix
    mixes: Matrix
    ordered: Flags
    known: Flags

    @classmethod
    def of(cls, rows: Matrix, known_mixes: Sequence[Mix] = ()) -> Self:
        """Return the sample with its flags. Where a mix is unknown (zeros), `ordered` follows from the features."""
        mixes = np.zeros((len(rows), MIX_SIZE))
        if known_mixes:
            mixes[:] = [mix.numbers for mix in known_mixes]
        rate, gap = rows[:, _AT["order_rate"]], rows[:, _AT["gap_days"]]
        ordered = np.where(mixes.any(axis=1), mixes[:, ORDER_COUNT] > 0, (rate > _NO_ORDERS) | (gap > 0.0))
        money = (rows[:, _AT["spend_rate"]] > 0.0) | (rows[:, _AT["refund_share"]] > 0.0)
        known = np.ones(rows.shape, np.bool_)
        known[:, _AT["recency_days"]] = ordered
        known[:, _AT["basket_value"]] = ordered & ((rate > _FAINT_ORDERS) | (rows[:, _AT["basket_value"]] > 0.0))
        known[:, _AT["gap_days"]] = ordered & (gap > 0.0)
        known[:, _AT["refund_share"]] = ordered & money
        return cls(rows, mixes, ordered, known)

    def among(self, selected: Flags) -> Self:
        """Return the customers that are selected by flags (n,)."""
        return type(self)(self.rows[selected], self.mixes[selected], self.ordered[selected], self.known[selected])

    @property
    def without_orders(self) -> bool:
        """Whether most of these customers never ordered."""
        return _most(~self.ordered)

    @property
    def one_time(self) -> bool:
        """Whether most of these customers ordered, on one day only."""
        return _most(self.ordered & ~self.known[:, _AT["gap_days"]])

    @property
    def returned_everything(self) -> bool:
        """Whether most of these customers ordered and kept nothing."""
        share = self.rows[:, _AT["refund_share"]]
        return _most(self.known[:, _AT["refund_share"]] & (share >= _EVERYTHING))

    def medians(self) -> dict[str, float]:
        """Return the median of each feature that at least half of these customers have, over those customers."""
        mostly = self.known.mean(axis=0) >= 0.5 if len(self.rows) else np.zeros(len(FEATURES), np.bool_)
        return {
            name: float(np.median(self.rows[self.known[:, at], at]))
            for at, name in enumerate(FEATURES)
            if mostly[at] and self.known[:, at].any()
        }


def _most(flags: Flags) -> bool:
    return int(flags.sum()) * 2 > len(flags)
