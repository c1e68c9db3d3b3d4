"""Naming: every segment gets a name of its own, in plain words, for what sets it apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import log2
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from .phrases import TRAITS, Phrase, catalogue
from .profiles import Population
from .scaling import Matrix

Medians = Mapping[str, float]

# How wrong a name is for being off by one in a trait. Who never bought, or bought once, must be called so.
_WEIGHTS: Final = {"frequency": 1.0, "basket": 1.0, "browsing": 0.7, "carts": 0.2, "returns": 1.0, "quiet": 1.5}
_WEIGHT_OF_FACTS: Final = 10.0
_COST_OF_A_WORD: Final = 0.05
_COST_OF_UNTRUE: Final = 1e6

# From where on a claim is true, and up to where "Regular" is, either way. A name already held stays true a little
# longer, and is preferred while it is among the best few: names should change less than centres do.
_TRUE_FROM: Final = {1.0: 0.4, 1.5: 0.7, 2.0: 1.0}
_REGULAR_UP_TO: Final = 0.5
_AWAY_FROM: Final = 0.6
_LAPSING: Final = 1.2  # from here on a name must say so, or that they still browse
_SLACK: Final = 0.15
_CONTRADICTION: Final = 0.1  # one segment called more frequent than another that is, by more than this
_BEST_FEW: Final = 3
_LOYALTY: Final = 1.0

_TRAIT_LIMIT: Final = 2.5
_USUAL_DELAY: Final = 1.5  # away for so many of one's usual gaps is nothing special yet
_MIN_RHYTHM_DAYS: Final = 7.0
_RETURNS_APART: Final = 0.25  # share of money taken back, above everyone's
_NO_ORDERS: Final = 1e-9  # orders per 30 days; who ever bought keeps more than this for 30 half-lives
_APART: Final = 0.05  # differences below say nothing

_MORE_AND_LESS: Final = {
    "order_rate": ("more orders", "fewer orders"),
    "basket_value": ("higher value", "lower value"),
    "spend_rate": ("higher spend", "lower spend"),
    "gap_days": ("longer gaps", "shorter gaps"),
    "browse_rate": ("more active", "less active"),
    "cart_rate": ("more carts", "fewer carts"),
    "refund_share": ("more returns", "fewer returns"),
    "recency_days": ("longer away", "seen lately"),
}
_ORDERED: Final = ("frequency", "basket")
_PHRASES: Final = catalogue()


def names(
    segments: Sequence[Medians],
    population: Population,
    held: Sequence[str | None] = (),
    given: Mapping[int, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """A different name for each segment, from the medians of its features in human units.

    `held` are the names that segments of the same ids have now, `given` those that persons gave, by index: they stay
    as they are, and no other segment gets one. The same arguments always give the same names.
    """
    traits = [_traits(medians, population) for medians in segments]
    kept = [held[index] if index < len(held) else None for index in range(len(segments))]
    while True:
        costs = np.array([_costs(each, name) for each, name in zip(traits, kept, strict=True)])
        _leave_alone(costs, given)
        phrases = _assign(costs)
        stale = {index for index in _contradicting(phrases, traits) if kept[index] is not None}
        if not stale:
            break
        kept = [None if index in stale else name for index, name in enumerate(kept)]
    chosen = {index: phrase.name for index, phrase in phrases.items()} | dict(given)
    for index in range(len(segments)):
        if index not in chosen:
            best = _PHRASES[int(costs[index].argmin())].name
            chosen[index] = _told_apart(index, best, chosen, segments, population, kept[index])
    return tuple(chosen[index] for index in range(len(segments)))


def _leave_alone(costs: Matrix, given: Mapping[int, str]) -> None:
    """Let no phrase be true of segments that persons named, nor a name of theirs of any other."""
    taken = {name.casefold() for name in given.values()}
    costs[list(given)] = _COST_OF_UNTRUE
    costs[:, [phrase.name.casefold() in taken for phrase in _PHRASES]] = _COST_OF_UNTRUE


def _assign(costs: Matrix) -> dict[int, Phrase]:
    """A phrase of its own for each segment that one is true of, from costs (k, number of phrases)."""
    pairs = zip(*linear_sum_assignment(costs), strict=True)
    return {int(index): _PHRASES[phrase] for index, phrase in pairs if costs[index, phrase] < _COST_OF_UNTRUE / 2}


def _contradicting(phrases: dict[int, Phrase], traits: Sequence[dict[str, float]]) -> set[int]:
    """Segments whose names order them otherwise than their customers do: names held for too long."""
    found: set[int] = set()
    for trait, (one, mine), (two, other) in product(_ORDERED, phrases.items(), phrases.items()):
        if trait in mine.claims and trait in other.claims and mine.claim("quiet") == other.claim("quiet"):
            ahead = traits[two][trait] - traits[one][trait]
            if mine.claim(trait) > other.claim(trait) and ahead > _CONTRADICTION:
                found |= {one, two}
    return found


def _traits(medians: Medians, population: Population) -> dict[str, float]:
    """What is to be said of a segment, in the units of `phrases.TRAITS`."""
    apart = {name: population.standing(name, value) for name, value in medians.items()}
    rhythm = medians["gap_days"] > 0.0
    never = not rhythm and medians["order_rate"] < _NO_ORDERS
    once = not rhythm and not never
    quiet = 0.0 if never else _quiet(medians, population)
    # The orders of who stays away have decayed; how often they used to come is in their gaps.
    frequency = -apart["gap_days"] if quiet >= _AWAY_FROM else apart["order_rate"]
    traits = {
        "frequency": 0.0 if never or once else frequency,
        "basket": apart["basket_value"] if medians["basket_value"] > 0.0 else 0.0,
        "browsing": max(apart["browse_rate"], 0.0),
        "carts": max(apart["cart_rate"], 0.0),
        "returns": max(apart["refund_share"] * population.spread["refund_share"] / _RETURNS_APART, 0.0),
        "quiet": quiet,
        "once": float(once),
        "never": float(never),
    }
    return {name: min(max(value, -_TRAIT_LIMIT), _TRAIT_LIMIT) for name, value in traits.items()}


def _quiet(medians: Medians, population: Population) -> float:
    """0 for who comes as usual, 1 for who has been away three of their usual gaps, 2 for six."""
    usual = medians["gap_days"] or float(np.expm1(population.center["gap_days"]))
    delay = medians["recency_days"] / (_USUAL_DELAY * max(usual, _MIN_RHYTHM_DAYS))
    return max(log2(delay), 0.0) if delay > 0 else 0.0


def _costs(traits: dict[str, float], held: str | None) -> list[float]:
    """How badly each phrase fits; `_COST_OF_UNTRUE` is added where it would claim what is not so."""
    costs = [_misfit(phrase, traits) for phrase in _PHRASES]
    few = sorted(costs)[min(_BEST_FEW, len(costs)) - 1]
    for index, phrase in enumerate(_PHRASES):
        mine = phrase.name == held
        if not _true(phrase, traits, _SLACK if mine else 0.0):
            costs[index] += _COST_OF_UNTRUE
        elif mine and costs[index] <= few + _LOYALTY:
            costs[index] -= _LOYALTY
    return costs


def _misfit(phrase: Phrase, traits: dict[str, float]) -> float:
    apart = ((trait, traits[trait] - phrase.claim(trait)) for trait in TRAITS)
    words = phrase.name.count(" ") + 1
    return sum(_WEIGHTS.get(trait, _WEIGHT_OF_FACTS) * by * by for trait, by in apart) + _COST_OF_A_WORD * words


def _true(phrase: Phrase, traits: dict[str, float], slack: float) -> bool:
    for trait, claim in phrase.claims.items():
        if claim:
            along = traits[trait] if claim > 0 else -traits[trait]
            if along < _TRUE_FROM[abs(claim)] - slack:
                return False
        elif trait == "frequency" and abs(traits[trait]) > _REGULAR_UP_TO + slack:
            return False
    if traits["quiet"] >= _LAPSING and not ("quiet" in phrase.claims or "browsing" in phrase.claims):
        return False
    return traits["never"] == phrase.claim("never") and traits["once"] == phrase.claim("once")


def _told_apart(
    index: int,
    best: str,
    chosen: dict[int, str],
    segments: Sequence[Medians],
    population: Population,
    held: str | None,
) -> str:
    """The best name once more, with what tells this segment from the one that has it; else with a number."""
    twin = next((other for other, name in sorted(chosen.items()) if name == best), index)
    qualified = [f"{best}, {word}" for word in _differences(segments[index], segments[twin], population)]
    taken = {name.casefold() for name in chosen.values()}
    free = [name for name in (best, *qualified) if name.casefold() not in taken]
    if held in free:
        return str(held)
    numbered = (f"{best} {number}" for number in range(2, len(segments) + 2))
    return free[0] if free else next(name for name in numbered if name.casefold() not in taken)


def _differences(mine: Medians, other: Medians, population: Population) -> Iterator[str]:
    """Words for where one segment differs from another, the greatest difference first."""
    apart = {
        name: population.standing(name, mine[name]) - population.standing(name, other[name]) for name in _MORE_AND_LESS
    }
    for name, by in sorted(apart.items(), key=lambda item: -abs(item[1])):
        if abs(by) > _APART:
            more, less = _MORE_AND_LESS[name]
            yield more if by > 0 else less
