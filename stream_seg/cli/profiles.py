"""Profiles of segments in words: what their customers are like, and how they differ from all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream_seg.cli.words import QUANTITIES, quantity

SHOWN_PARTS: Final = 4  # of a mix
# From so many spreads apart on.
_DEGREES: Final = ((2.0, "far"), (1.0, "much"), (0.5, "clearly"), (0.0, "somewhat"))
_TIMES_FROM: Final = 1.2  # a ratio below says nothing that the numbers do not
_HEADLINE: Final = ("order_rate", "spend_rate", "recency_days")


def difference_in_words(difference: Mapping[str, Any], currency: str) -> str:
    """`orders a month: much higher, 8.2 against 1.4 (5.9 times)`."""
    what, here, rest = difference["what"], difference["here"], difference["rest"]
    strength = abs(difference["strength"])
    degree = next(word for least, word in _DEGREES if strength >= least)
    way = f"{degree} {'higher' if difference['strength'] > 0 else 'lower'}"
    kind, _, name = what.partition(":")
    if name:
        called = f"share of actions in {name}" if kind == "channel" else f"share of goods from {name}"
        return f"{called}: {way}, {here:.0%} against {rest:.0%}"
    called = QUANTITIES[what].phrase if what in QUANTITIES else what
    low, high = sorted((here, rest))
    times = f" ({high / low:.1f} times)" if here > rest > 0 and high / low >= _TIMES_FROM else ""
    return f"{called}: {way}, {quantity(what, here, currency)} against {quantity(what, rest, currency)}{times}"


def headline(profile: Mapping[str, float], views_per_order: float | None, currency: str) -> str:
    """Medians in one line: `8.2 orders a month, $412 spend a month, 2.1 days since the last order, ...`."""
    said = [
        f"{quantity(name, profile[name], currency)} {QUANTITIES[name].phrase}" for name in _HEADLINE if name in profile
    ]
    if views_per_order is not None:
        said.append(f"{views_per_order:.1f} views per order")
    return ", ".join(said)


def mix_in_words(shares: Mapping[str, float]) -> str:
    """The largest parts: `store 62%, web 30%`."""
    return "; ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:SHOWN_PARTS])


def profiles(segments: Iterable[Any], currency: str) -> RenderableType:
    """A block for each of `cli.segments.SegmentFacts`; those of which nothing is known but the size have one line."""
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
