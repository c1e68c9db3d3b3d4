"""Profiles of segments in words: their typical customers, and their differences from all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream_seg.cli.words import QUANTITIES, quantity

SHOWN_PARTS: Final = 4  # of a mix
# The least distance in spreads for each word.
_DEGREES: Final = ((2.0, "far"), (1.0, "much"), (0.5, "clearly"), (0.0, "somewhat"))
# A ratio outside of these adds nothing to the numbers.
_TIMES_FROM: Final = 1.2
_TIMES_TO: Final = 100.0
_LEAST_SHARE: Final = 0.005  # a smaller one is shown as 0%
_HEADLINE: Final = ("order_rate", "spend_rate", "recency_days")


def difference_in_words(difference: Mapping[str, Any], currency: str) -> str | None:
    """Return `orders a month: much higher, 8.2 against 1.4 (5.9 times)`, or None if both would read the same."""
    what, here, rest = difference["what"], difference["here"], difference["rest"]
    strength = abs(difference["strength"])
    degree = next(word for least, word in _DEGREES if strength >= least)
    way = f"{degree} {'higher' if difference['strength'] > 0 else 'lower'}"
    kind, _, name = what.partition(":")
    if name:
        called = f"share of actions in {name}" if kind == "channel" else f"share of goods from {name}"
        mine, others, times = _percent(here), _percent(rest), ""
    else:
        called = QUANTITIES[what].phrase if what in QUANTITIES else what
        mine, others, nothing = (quantity(what, value, currency) for value in (here, rest, 0.0))
        # A multiple of nearly zero would be a large number without meaning.
        has_ratio = here > rest > 0 and others != nothing and _TIMES_FROM <= here / rest < _TIMES_TO
        times = f" ({here / rest:.1f} times)" if has_ratio else ""
    return f"{called}: {way}, {mine} against {others}{times}" if mine != others else None


def headline(profile: Mapping[str, float], views_per_order: float | None, currency: str) -> str:
    """Return medians in one line: `8.2 orders a month, $412 spend a month, 2.1 days since the last order, ...`."""
    parts = [
        f"{quantity(name, profile[name], currency)} {QUANTITIES[name].phrase}" for name in _HEADLINE if name in profile
    ]
    if views_per_order is not None:
        parts.append(f"{views_per_order:.1f} views per order")
    return ", ".join(parts)


def mix_in_words(shares: Mapping[str, float]) -> str:
    """Return the largest parts that can be seen: `store 62%; web 30%`."""
    seen = [(name, share) for name, share in shares.items() if share >= _LEAST_SHARE]
    return "; ".join(f"{name} {_percent(share)}" for name, share in seen[:SHOWN_PARTS])


def _percent(share: float) -> str:
    """Return a share in whole percents. Only a share of 1.0 reads 100%."""
    return ">99%" if 1.0 - _LEAST_SHARE <= share < 1.0 else f"{share:.0%}"


def profiles(segments: Iterable[Any], currency: str) -> RenderableType:
    """Return a block for each of `cli.segments.SegmentFacts`, with one line if only the size is known."""
    return Group(*(part for each in segments for part in _block(each, currency)))


def _block(each: Any, currency: str) -> Iterator[RenderableType]:
    revenue = "" if each.revenue_share is None else f", {each.revenue_share:.0%} of revenue"
    title = Text(each.name, "bold")
    yield title.append(f" ({each.segment}): {each.size:,} customers, {each.share:.0%} of all{revenue}", "not bold")
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True, style="dim")
    rows.add_column()
    if each.profile:
        rows.add_row("medians", headline(each.profile, each.views_per_order, currency))
    for name, shares in (("channels", each.channels), ("goods", each.categories)):
        if shares:
            rows.add_row(name, mix_in_words(shares))
    for number, difference in enumerate(each.differences):
        rows.add_row("" if number else "differs by", difference["words"])
    yield Padding(rows, (0, 0, 1, 2))
