"""Portraits: what else is told of a segment: its revenue, its mix, and where it differs from all other customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stream_seg.core.activity_mix import CATEGORY_SHARES, CHANNEL_SHARES, VIEWS
from stream_seg.core.events.taxonomy import CATEGORY_SLOTS, CHANNELS, NAMES_PER_SLOT
from stream_seg.core.features import FEATURES, PACES
from stream_seg.learning.clustering.sampled import Flags, Sampled
from stream_seg.learning.clustering.scaling import SHARE_SCALE_FLOOR, Matrix

from .profiles import Population

CategoryNames = Sequence[Sequence[str]]

NAMED_CATEGORIES: Final = 3  # of a group
SHOWN_DIFFERENCES: Final = 6
VISIBLE: Final = 0.3  # spreads; what differs by less is not told
# Orders of the typical customer in 30 days: fewer are shown as 0.0, and then nothing is told per order.
HARDLY_ANY_ORDERS: Final = 0.05
MOST: Final = 0.5  # of a segment's customers must have what is told of the segment

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
class Portrait:
    """Fields of a `contracts.model.SegmentProfile`, by the same names."""

    revenue_share: float
    views_per_order: float | None
    channels: dict[str, float]
    categories: dict[str, float]
    differences: list[Difference]


def portraits(
    sample: Sampled,
    labels: npt.NDArray[np.intp],
    population: Population,
    k: int,
    categories: CategoryNames = (),
) -> list[Portrait]:
    """Return portraits of k segments, from a sample of n customers and the segment of each (n,).

    `categories` are the names met in each slot.
    """
    spend = sample.rows[:, _SPEND] / max(sample.rows[:, _SPEND].max(initial=0.0), 1.0)  # so that no sum is infinite
    revenue = float(spend.sum())
    parts, viewed = _Parts.of(sample.mixes, categories), bool(sample.mixes[:, VIEWS].any())
    out = []
    for index in range(k):
        inside = labels == index
        differences = [*_features_apart(sample, inside, population), *parts.apart(inside)]
        differences.sort(key=lambda each: -abs(each.strength))
        out.append(
            Portrait(
                revenue_share=round(float(spend[inside].sum()) / revenue, _DIGITS) if revenue else 0.0,
                views_per_order=_views_per_order(sample.among(inside)) if viewed else None,
                channels=parts.mix(inside, "channel"),
                categories=parts.mix(inside, "category"),
                differences=[each for each in differences if abs(each.strength) >= VISIBLE][:SHOWN_DIFFERENCES],
            )
        )
    return out


def merged(known: CategoryNames, more: CategoryNames) -> list[list[str]]:
    """Names met in each category slot, with those that another worker met after them, as many as matter."""
    slots = [list(known[slot]) if slot < len(known) else [] for slot in range(CATEGORY_SLOTS)]
    for names, others in zip(slots, more, strict=False):
        names += [name for name in others if name not in names][: NAMES_PER_SLOT - len(names)]
    return slots


def category_labels(categories: CategoryNames) -> list[str]:
    """Return what each slot is called: the categories met there first, or others, since a record holds no names.

    Any number of categories share a slot. Which of them a customer's goods are of, and whether all of them have been
    met, the record does not tell.
    """
    return [_label(slot, categories[slot] if slot < len(categories) else ()) for slot in range(CATEGORY_SLOTS)]


def _label(slot: int, names: Sequence[str]) -> str:
    return f"{', '.join(names[:NAMED_CATEGORIES])} or others" if names else f"unnamed group {slot + 1}"


def _features_apart(sample: Sampled, inside: Flags, population: Population) -> Iterator[Difference]:
    """Yield differences of what most customers inside and most others have; paces would say the same as rates again."""
    here, rest = sample.among(inside).medians(), sample.among(~inside).medians()
    for name, mine in here.items():
        if name in rest and name not in PACES:
            others = rest[name]
            by = population.standing(name, mine) - population.standing(name, others)
            yield Difference(name, round(mine, _DIGITS), round(others, _DIGITS), round(by, _DIGITS))


def _views_per_order(members: Sampled) -> float | None:
    """Return products viewed for each order of these customers; None where the typical one hardly orders."""
    orders, views = members.rows[:, _ORDERS], members.mixes[:, VIEWS]
    if not len(orders) or float(np.median(orders)) < HARDLY_ANY_ORDERS:
        return None
    largest = max(orders.max(), views.max(), 1.0)  # so that no sum is infinite
    return round(float((views / largest).sum() / (orders / largest).sum()), _DIGITS)


@dataclass(frozen=True)
class _Parts:
    """Shares of customers (n, m), what each column is called, and how much customers differ in it (m,)."""

    shares: Matrix
    names: list[tuple[str, str]]  # channel or category, and which
    known: Flags  # (n, m) whether the customer has such shares at all
    spread: Matrix

    @classmethod
    def of(cls, mixes: Matrix, categories: CategoryNames) -> _Parts:
        parts = [mixes[:, CHANNEL_SHARES], mixes[:, CATEGORY_SHARES]]
        shares = np.column_stack(parts)
        known = np.column_stack([np.tile(part.sum(axis=1, keepdims=True) > 0.0, part.shape[1]) for part in parts])
        names = [("channel", name) for name in CHANNELS]
        names += [("category", label) for label in category_labels(categories)]
        deviations = np.sqrt(_means(np.square(shares - _means(shares, known)), known))
        return cls(shares, names, known, np.maximum(deviations, SHARE_SCALE_FLOOR))

    def mix(self, inside: Flags, kind: str) -> dict[str, float]:
        """Return mean shares of customers by name, the largest first, those of nothing left out.

        Empty where most of the customers have no such shares.
        """
        means, told = _means(self.shares[inside], self.known[inside]).round(_DIGITS).tolist(), self._mostly(inside)
        named = [
            (name, share)
            for (of, name), share, mostly in zip(self.names, means, told.tolist(), strict=True)
            if of == kind and mostly and share > 0
        ]
        return dict(sorted(named, key=lambda item: -item[1]))

    def apart(self, inside: Flags) -> Iterator[Difference]:
        """Yield each share of those inside against the others, where most of both have such shares."""
        here, rest = (_means(self.shares[who], self.known[who]) for who in (inside, ~inside))
        both = self._mostly(inside) & self._mostly(~inside)
        for at in np.flatnonzero(both).tolist():
            by = float((here[at] - rest[at]) / self.spread[at])
            kind, name = self.names[at]
            mine, others = (round(float(means[at]), _DIGITS) for means in (here, rest))
            yield Difference(f"{kind}:{name}", mine, others, round(by, _DIGITS))

    def _mostly(self, who: Flags) -> Flags:
        """Return by column (m,) whether most of these customers have such shares."""
        flags: Flags = self.known[who].sum(axis=0) >= max(MOST * int(who.sum()), 1.0)
        return flags


def _means(values: Matrix, known: Flags) -> Matrix:
    """Return column means (m,) over the customers of whom they are known; 0 where there is none."""
    means: Matrix = (values * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means
