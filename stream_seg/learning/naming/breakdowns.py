"""Breakdowns of segments: share of revenue, mix of channels and categories, and differences to other customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from stream_seg.core.activity_mix import CHANNEL_SHARES, VIEWS
from stream_seg.core.events.categories import OTHER
from stream_seg.core.events.taxonomy import CHANNELS
from stream_seg.core.feature_names import FEATURES, PACES
from stream_seg.learning.clustering.scaling import SHARE_SCALE_FLOOR, Matrix

from .profiles import Population
from .sampled import Flags, Sampled

Goods = Sequence[Mapping[str, float]]  # by customer, the share of each category by name

NAMED_CATEGORIES: Final = 12  # the most common ones are named, the rest is `other`
SHOWN_DIFFERENCES: Final = 6
VISIBLE: Final = 0.3  # in spreads: smaller differences are not shown
# Orders of the median customer in 30 days. Fewer are shown as 0.0, and then views per order are not shown.
FEWEST_ORDERS: Final = 0.05
MOST: Final = 0.5  # share of a segment's customers who must have a channel or category mix for it to be shown

_DIGITS: Final = 4
_ORDERS: Final = FEATURES.index("order_rate")
_SPEND: Final = FEATURES.index("spend_rate")


@dataclass(frozen=True)
class Difference:
    """See `contracts.model.Difference`."""

    what: str
    here: float
    rest: float
    strength: float


@dataclass(frozen=True)
class Breakdown:
    """Fields of a `contracts.model.SegmentProfile`, with the same names."""

    revenue_share: float
    views_per_order: float | None
    channels: dict[str, float]
    categories: dict[str, float]
    differences: list[Difference]


def breakdowns(
    sample: Sampled,
    labels: npt.NDArray[np.intp],
    population: Population,
    k: int,
    goods: Goods = (),
) -> list[Breakdown]:
    """Return breakdowns of k segments, from a sample of n customers and the segment of each (n,).

    `goods` are the shares of categories of each customer, or none.
    """
    spend = sample.rows[:, _SPEND] / max(sample.rows[:, _SPEND].max(initial=0.0), 1.0)  # keeps sums finite
    revenue = float(spend.sum())
    mix, viewed = _Mix.of(sample.mixes, goods), bool(sample.mixes[:, VIEWS].any())
    out = []
    for index in range(k):
        inside = labels == index
        differences = [*_feature_differences(sample, inside, population), *mix.differences(inside)]
        differences.sort(key=lambda each: -abs(each.strength))
        out.append(
            Breakdown(
                revenue_share=round(float(spend[inside].sum()) / revenue, _DIGITS) if revenue else 0.0,
                views_per_order=_views_per_order(sample.among(inside)) if viewed else None,
                channels=mix.shares_of(inside, "channel"),
                categories=mix.shares_of(inside, "category"),
                differences=[each for each in differences if abs(each.strength) >= VISIBLE][:SHOWN_DIFFERENCES],
            )
        )
    return out


def _feature_differences(sample: Sampled, inside: Flags, population: Population) -> Iterator[Difference]:
    """Yield differences in features that most customers on both sides have. Paces would repeat the rates."""
    here, rest = sample.among(inside).medians(), sample.among(~inside).medians()
    for name, mine in here.items():
        if name in rest and name not in PACES:
            others = rest[name]
            by = population.z_score(name, mine) - population.z_score(name, others)
            yield Difference(name, round(mine, _DIGITS), round(others, _DIGITS), round(by, _DIGITS))


def _views_per_order(members: Sampled) -> float | None:
    """Return product views per order of these customers, or None where the median customer hardly orders."""
    orders, views = members.rows[:, _ORDERS], members.mixes[:, VIEWS]
    if not len(orders) or float(np.median(orders)) < FEWEST_ORDERS:
        return None
    largest = max(orders.max(), views.max(), 1.0)  # keeps sums finite
    return round(float((views / largest).sum() / (orders / largest).sum()), _DIGITS)


@dataclass(frozen=True)
class _Mix:
    """Shares of customers by channel and category (n, m), with the label and the spread of each column (m,)."""

    shares: Matrix
    names: list[tuple[str, str]]  # "channel" or "category", and its label
    known: Flags  # (n, m), whether the customer has shares of this kind
    spread: Matrix

    @classmethod
    def of(cls, mixes: Matrix, goods: Goods) -> _Mix:
        categories, category_shares = _by_category(goods, len(mixes))
        parts = [mixes[:, CHANNEL_SHARES], category_shares]
        shares = np.column_stack(parts)
        known = np.column_stack([np.tile(part.sum(axis=1, keepdims=True) > 0.0, part.shape[1]) for part in parts])
        names = [("channel", name) for name in CHANNELS]
        names += [("category", name) for name in categories]
        deviations = np.sqrt(_means(np.square(shares - _means(shares, known)), known))
        return cls(shares, names, known, np.maximum(deviations, SHARE_SCALE_FLOOR))

    def shares_of(self, inside: Flags, kind: str) -> dict[str, float]:
        """Return mean shares above 0 by label, the largest first.

        Empty where most of the customers have no shares of this kind.
        """
        means = _means(self.shares[inside], self.known[inside]).round(_DIGITS).tolist()
        named = [
            (name, share)
            for (of_kind, name), share, mostly in zip(self.names, means, self._mostly(inside).tolist(), strict=True)
            if of_kind == kind and mostly and share > 0
        ]
        return dict(sorted(named, key=lambda item: -item[1]))

    def differences(self, inside: Flags) -> Iterator[Difference]:
        """Yield the difference in each share to the other customers, where most on both sides have such shares."""
        here, rest = (_means(self.shares[side], self.known[side]) for side in (inside, ~inside))
        both = self._mostly(inside) & self._mostly(~inside)
        for at in np.flatnonzero(both).tolist():
            by = float((here[at] - rest[at]) / self.spread[at])
            kind, name = self.names[at]
            mine, others = (round(float(means[at]), _DIGITS) for means in (here, rest))
            yield Difference(f"{kind}:{name}", mine, others, round(by, _DIGITS))

    def _mostly(self, members: Flags) -> Flags:
        """Return for each column (m,) whether at least half of these customers have such shares."""
        flags: Flags = self.known[members].sum(axis=0) >= max(MOST * int(members.sum()), 1.0)
        return flags


def _by_category(goods: Goods, customers: int) -> tuple[list[str], Matrix]:
    """Return the names of the most common categories and the shares (customers, names) of each."""
    names = list(chain.from_iterable(goods))
    known = {name: number for number, name in enumerate(dict.fromkeys([*names, OTHER]))}
    columns = np.fromiter(map(known.__getitem__, names), np.intp, len(names))
    shares = np.fromiter(chain.from_iterable(each.values() for each in goods), np.float64, len(names))
    rows = np.repeat(np.arange(len(goods)), list(map(len, goods)))
    totals = np.bincount(columns, shares, minlength=len(known))
    by_total = np.argsort(-totals, kind="stable").tolist()
    common = [number for number in by_total if number != known[OTHER]][:NAMED_CATEGORIES]
    places = np.full(len(known), len(common))
    places[common] = np.arange(len(common))
    found = np.zeros((customers, len(common) + 1))
    np.add.at(found, (rows, places[columns]), shares)
    labels = list(known)
    return [*(labels[number] for number in common), OTHER], found


def _means(values: Matrix, known: Flags) -> Matrix:
    """Return column means (m,) over the customers whose values are known, or 0 where there are none."""
    means: Matrix = (values * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means
