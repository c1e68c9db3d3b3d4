"""Portraits: what else is told of a segment, its revenue, its mix, and where it differs from all other customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stream_seg.core.features import FEATURES
from stream_seg.core.mix import CATEGORY_SHARES, CHANNEL_SHARES, VIEWS
from stream_seg.core.vocabulary import CATEGORY_SLOTS, CHANNELS, NAMES_A_SLOT

from .profiles import Population
from .scaling import SHARE_SCALE_FLOOR, Matrix

CategoryNames = Sequence[Sequence[str]]

NAMED_CATEGORIES: Final = 3  # of a group
SHOWN_DIFFERENCES: Final = 6
VISIBLE: Final = 0.3  # spreads; what differs by less is not told
# Fewer orders than this a customer in 30 days: views for each order would be a large number about nobody.
HARDLY_ANY_ORDERS: Final = 0.01

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
    rows: Matrix,
    mixes: Matrix,
    labels: npt.NDArray[np.intp],
    population: Population,
    k: int,
    categories: CategoryNames = (),
) -> list[Portrait]:
    """Portraits of k segments, from features (n, len(FEATURES)), mixes (n, MIX_SIZE) and segments (n,) of customers.

    `categories` are the names met in each slot; slots of which nothing is known are called by their number.
    """
    spend = rows[:, _SPEND] / max(rows[:, _SPEND].max(initial=0.0), 1.0)  # so that no sum is infinite
    revenue = float(spend.sum())
    parts, viewed = _Parts.of(mixes, categories), bool(mixes[:, VIEWS].any())
    out = []
    for index in range(k):
        inside = labels == index
        differences = [*_features_apart(rows, inside, population), *parts.apart(inside)]
        differences.sort(key=lambda each: -abs(each.strength))
        out.append(
            Portrait(
                revenue_share=round(float(spend[inside].sum()) / revenue, _DIGITS) if revenue else 0.0,
                views_per_order=_views_per_order(rows[inside], mixes[inside]) if viewed else None,
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
        names += [name for name in others if name not in names][: NAMES_A_SLOT - len(names)]
    return slots


def category_labels(categories: CategoryNames) -> list[str]:
    """What each slot is called: the categories met there first, or its number."""
    return [_label(slot, categories[slot] if slot < len(categories) else ()) for slot in range(CATEGORY_SLOTS)]


def _label(slot: int, names: Sequence[str]) -> str:
    if not names:
        return f"group {slot + 1}"
    more = " and others" if len(names) > NAMED_CATEGORIES else ""
    return f"{', '.join(names[:NAMED_CATEGORIES])}{more}"


def _features_apart(rows: Matrix, inside: npt.NDArray[np.bool_], population: Population) -> Iterator[Difference]:
    if not inside.any() or inside.all():
        return
    here, rest = np.median(rows[inside], axis=0).tolist(), np.median(rows[~inside], axis=0).tolist()
    for name, mine, others in zip(FEATURES, here, rest, strict=True):
        by = population.standing(name, mine) - population.standing(name, others)
        yield Difference(name, round(mine, _DIGITS), round(others, _DIGITS), round(by, _DIGITS))


def _views_per_order(rows: Matrix, mixes: Matrix) -> float | None:
    """Products viewed for each order of these customers; None where there is hardly any order."""
    orders, views = rows[:, _ORDERS], mixes[:, VIEWS]
    largest = max(orders.max(initial=0.0), views.max(initial=0.0), 1.0)
    ordered = float((orders / largest).sum())
    if not len(rows) or ordered * largest < HARDLY_ANY_ORDERS * len(rows):
        return None
    return round(float((views / largest).sum()) / ordered, _DIGITS)


@dataclass(frozen=True)
class _Parts:
    """Shares of customers (n, m), what each column is called, and how much customers differ in it (m,)."""

    shares: Matrix
    names: list[tuple[str, str]]  # channel or category, and which
    known: Matrix  # (n, m) whether the customer has such shares at all
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

    def mix(self, inside: npt.NDArray[np.bool_], kind: str) -> dict[str, float]:
        """Mean shares of customers by name, the largest first; those of nothing left out."""
        means = _means(self.shares[inside], self.known[inside]).round(_DIGITS).tolist()
        named = [(name, share) for (of, name), share in zip(self.names, means, strict=True) if of == kind and share > 0]
        return dict(sorted(named, key=lambda item: -item[1]))

    def apart(self, inside: npt.NDArray[np.bool_]) -> Iterator[Difference]:
        """Each share of those inside against the others; where both are known."""
        here, rest = (_means(self.shares[who], self.known[who]) for who in (inside, ~inside))
        both = self.known[inside].any(axis=0) & self.known[~inside].any(axis=0)
        for at in np.flatnonzero(both).tolist():
            by = float((here[at] - rest[at]) / self.spread[at])
            kind, name = self.names[at]
            mine, others = (round(float(means[at]), _DIGITS) for means in (here, rest))
            yield Difference(f"{kind}:{name}", mine, others, round(by, _DIGITS))


def _means(values: Matrix, known: Matrix) -> Matrix:
    """Column means (m,) over the customers of whom they are known; 0 where there is none."""
    means: Matrix = (values * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means
