"""Phrases: the names a segment can have, and what each claims about its customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

# What names speak of. All but the last two are 0 for everyone's median and about 1 for a clear difference.
TRAITS: Final = ("frequency", "basket", "browsing", "carts", "returns", "quiet", "once", "never")

_FREQUENCY: Final = {2: "Very frequent", 1: "Frequent", 0: "Regular", -1: "Occasional", -2: "Rare"}
_BASKET: Final = {2: "very big baskets", 1: "big baskets", 0: "shoppers", -1: "small baskets", -2: "very small baskets"}
_QUIET: Final = {1: "Lapsing", 2: "Lapsed"}
_BROWSING: Final = {1: "Browses", 2: "Browses a lot"}
_ENGAGED: Final[dict[str, dict[str, float]]] = {
    "engaged": {"browsing": 1.0},
    "highly engaged": {"browsing": 2.0},
    "engaged, many returns": {"browsing": 1.0, "returns": 1.0},
}


@dataclass(frozen=True)
class Phrase:
    """A name, and the value of every trait it claims; of the others it says they are as usual, or it is `silent`."""

    name: str
    claims: dict[str, float]
    silent: frozenset[str] = frozenset()

    def claim(self, trait: str) -> float:
        """The value a trait should have where this name fits perfectly."""
        return self.claims.get(trait, 0.0)


def catalogue() -> tuple[Phrase, ...]:
    """Every phrase, each name once, always in the same order."""
    return (*_buyers(), *_quiet(), *_quiet_however_often(), *_once(), *_browsers())


def _buyers() -> Iterator[Phrase]:
    for frequency, basket in product(_FREQUENCY, _BASKET):
        name = f"{_FREQUENCY[frequency]} {_BASKET[basket]}"
        claims = {"frequency": float(frequency), "basket": float(basket)}
        yield Phrase(name, claims)
        yield Phrase(f"{name}, many returns", claims | {"returns": 1.0})
        if frequency >= 0:  # who buys less than usual but is active browses, see below
            for extra, more in _ENGAGED.items():
                yield Phrase(f"{name}, {extra}", claims | more)


def _quiet() -> Iterator[Phrase]:
    for quiet, frequency, basket in product(_QUIET, _FREQUENCY, _BASKET):
        who = f"{_FREQUENCY[frequency].lower()} {_BASKET[basket]}"
        if frequency == 0:
            who = _BASKET[basket] if basket else "regulars"
        claims = {"quiet": float(quiet), "frequency": float(frequency), "basket": float(basket)}
        yield Phrase(f"{_QUIET[quiet]} {who}", claims)
        yield Phrase(f"{_QUIET[quiet]} {who}, many returns", claims | {"returns": 1.0})


def _quiet_however_often() -> Iterator[Phrase]:
    """For segments of which half bought once, half more often: their median says now this, now that."""
    for quiet, (basket, what) in product(_QUIET, _BASKET.items()):
        suffix = f", {what}" if basket else ""
        claims = {"quiet": float(quiet), "basket": float(basket)}
        yield Phrase(f"{_QUIET[quiet]} buyers{suffix}", claims, frozenset({"frequency", "once"}))


def _once() -> Iterator[Phrase]:
    for basket, what in _BASKET.items():
        who = f"ne-time {what}" if basket else "ne-time buyers"
        claims = {"once": 1.0, "basket": float(basket)}
        yield Phrase(f"O{who}", claims)
        for quiet, word in _QUIET.items():
            yield Phrase(f"{word} o{who}", claims | {"quiet": float(quiet)})
        yield Phrase(f"O{who}, many returns", claims | {"returns": 1.0})
        for extra, more in _ENGAGED.items():
            yield Phrase(f"O{who}, {extra}", claims | more)


def _browsers() -> Iterator[Phrase]:
    rarely, never = {"frequency": -1.0}, {"never": 1.0}
    for (browsing, word), (basket, what) in product(_BROWSING.items(), _BASKET.items()):
        suffix = f", {what}" if basket else ""
        more = {"browsing": float(browsing), "basket": float(basket)}
        yield Phrase(f"{word}, rarely buys{suffix}", rarely | more)
    for basket, what in _BASKET.items():
        suffix = f", {what}" if basket else ""
        more = {"browsing": 1.0, "carts": 1.5, "basket": float(basket)}
        yield Phrase(f"Fills carts, rarely buys{suffix}", rarely | more)
    yield Phrase("No orders yet", never)
    yield Phrase("Browses, never buys", never | {"browsing": 1.0})
    yield Phrase("Browses a lot, never buys", never | {"browsing": 2.0})
    yield Phrase("Fills carts, never buys", never | {"browsing": 1.0, "carts": 1.5})
