"""Phrases: the possible names of a segment, and the claims that each makes about its customers.

Segments are learned, so a name can fit most customers of a segment and not a particular one. Claims that a single
record could contradict, such as having no orders, are therefore made with the word "mostly".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

# The traits that names describe. All but the last three are 0 for the population's median and about 1 for a clear
# difference. The last three are 1 where most customers bought on one day only, have no orders, or returned everything.
TRAITS: Final = ("frequency", "basket", "browsing", "carts", "returns", "quiet", "once", "never", "returned")

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
    """A name and the values of the traits that it claims.

    It claims that all other traits are as usual, except those in `silent`, about which it makes no claim.
    """

    name: str
    claims: dict[str, float]
    silent: frozenset[str] = frozenset()

    def claim(self, trait: str) -> float:
        """Return the value of a trait for which this name fits perfectly."""
        return self.claims.get(trait, 0.0)


def catalogue() -> tuple[Phrase, ...]:
    """Return every phrase, each name once, always in the same order."""
    return (*_buyers(), *_quiet(), *_quiet_any_frequency(), *_once(), *_browsers(), *_returners())


def _buyers() -> Iterator[Phrase]:
    for frequency, basket in product(_FREQUENCY, _BASKET):
        name = f"{_FREQUENCY[frequency]} {_BASKET[basket]}"
        claims = {"frequency": float(frequency), "basket": float(basket)}
        yield Phrase(name, claims)
        yield Phrase(f"{name}, many returns", claims | {"returns": 1.0})
        if frequency >= 0:  # customers who buy less than usual but are active get a phrase of `_browsers`
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


def _quiet_any_frequency() -> Iterator[Phrase]:
    """Yield names for segments of which half bought once and half more often, so that their median alternates."""
    for quiet, (basket, what) in product(_QUIET, _BASKET.items()):
        suffix = f", {what}" if basket else ""
        claims = {"quiet": float(quiet), "basket": float(basket)}
        yield Phrase(f"{_QUIET[quiet]} buyers{suffix}", claims, frozenset({"frequency", "once"}))


def _once() -> Iterator[Phrase]:
    for basket, what in _BASKET.items():
        who = f"ostly one-time {what}" if basket else "ostly one-time buyers"
        claims = {"once": 1.0, "basket": float(basket)}
        yield Phrase(f"M{who}", claims)
        for quiet, word in _QUIET.items():
            yield Phrase(f"{word}, m{who}", claims | {"quiet": float(quiet)})
        yield Phrase(f"M{who}, many returns", claims | {"returns": 1.0})
        for extra, more in _ENGAGED.items():
            yield Phrase(f"M{who}, {extra}", claims | more)


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
    yield Phrase("Mostly without orders", never)
    yield Phrase("Browses, mostly without orders", never | {"browsing": 1.0})
    yield Phrase("Browses a lot, mostly without orders", never | {"browsing": 2.0})
    yield Phrase("Fills carts, mostly without orders", never | {"browsing": 1.0, "carts": 1.5})


def _returners() -> Iterator[Phrase]:
    """Yield names for segments whose customers kept nothing, whatever the frequency and value of their orders."""
    claims, silent = {"returned": 1.0, "returns": 2.0}, frozenset({"frequency", "basket", "once"})
    yield Phrase("Mostly returned everything", claims, silent)
    for quiet, word in _QUIET.items():
        yield Phrase(f"{word}, mostly returned everything", claims | {"quiet": float(quiet)}, silent)
    for browsing, word in _BROWSING.items():
        yield Phrase(f"{word}, mostly returned everything", claims | {"browsing": float(browsing)}, silent)
