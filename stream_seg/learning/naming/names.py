"""Naming: every segment gets a name of its own, in plain words, for what sets it apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import log2
from types import MappingProxyType
from typing import Final

import numpy as np

from stream_seg.learning.clustering.scaling import Matrix

from .phrases import TRAITS, Phrase, catalogue
from .profiles import Population, Profile

Medians = Mapping[str, float]

# How wrong a name is for being off by one in a trait. Customers without orders, or with one, must be called so.
_WEIGHTS: Final = {"frequency": 1.0, "basket": 1.0, "browsing": 0.7, "carts": 0.2, "returns": 1.0, "quiet": 1.5}
_WEIGHT_OF_FACTS: Final = 10.0
_COST_OF_A_WORD: Final = 0.05
_COST_OF_UNTRUE: Final = 1e6

# From where on a claim is true, and up to where "Regular" is, either way. A name already held stays true a little
# longer, and is preferred unless another fits better by more than `_LOYALTY`: names should change less than centres do.
_TRUE_FROM: Final = {1.0: 0.4, 1.5: 0.7, 2.0: 1.0}
_REGULAR_UP_TO: Final = 0.5
_LAPSING: Final = 1.2  # from here on a name must say so, or that they still browse
_SLACK: Final = 0.25
_MARGIN: Final = 0.1
_CONTRADICTION: Final = 0.5  # one segment called more frequent than another that is, by more than this
_LOYALTY: Final = 2.0
_COST_OF_SILENCE: Final = 1.2

_TRAIT_LIMIT: Final = 2.5
_USUAL_DELAY: Final = 1.5  # away for so many of one's usual gaps is nothing special yet
_MIN_RHYTHM_DAYS: Final = 7.0
_RETURNS_APART: Final = 0.25  # share of money taken back, above everyone's
_MUCH_RETURNED: Final = 0.5  # from here on what was kept says nothing of how small baskets are
# However little others do: per 30 days, so many interactions are active, and so many steps towards an order fill carts.
_ACTIVE: Final = 5.0
_CARTS: Final = 1.0
_APART: Final = 0.05  # differences below say nothing

_MORE_AND_LESS: Final = {
    "order_rate": ("more orders", "fewer orders"),
    "basket_value": ("higher value", "lower value"),
    "spend_rate": ("higher spend", "lower spend"),
    "gap_days": ("longer gaps", "shorter gaps"),
    "browse_rate": ("more active", "less active"),
    "cart_rate": ("more carts", "fewer carts"),
    "refund_share": ("more returns", "fewer returns"),
    "recency_days": ("ordered longer ago", "ordered lately"),
}
_OF_ALL: Final = ("browse_rate", "cart_rate")  # customers without orders included
# The orders of customers who stay away have decayed; how often they used to come is in their gaps, where they have any.
_RHYTHM: Final = "rhythm"
_RHYTHM_KNOWN: Final = "rhythm known"
_ORDERED: Final = ("frequency", "basket")
_PHRASES: Final = catalogue()
_BY_NAME: Final = {phrase.name: phrase for phrase in _PHRASES}


def names(
    segments: Sequence[Profile],
    population: Population,
    held: Sequence[str | None] = (),
    given: Mapping[int, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Return a different name for each segment, from its profile.

    `held` are the names that segments of the same ids have now. `given` are those that operators gave, by index: they
    stay as they are, and no other segment gets one. The same arguments always give the same names.
    """
    kept = [held[index] if index < len(held) else None for index in range(len(segments))]
    traits = [_traits(profile, population) for profile in segments]
    apart = [_standings(profile, population) for profile in segments]
    told_apart = _still_apart(kept, traits, apart)
    costs, phrases = _assigned(traits, kept, told_apart, given)
    contradicting = _contradicting(phrases, traits)
    while stale := {index for index in contradicting if kept[index] is not None}:
        freed = [None if index in stale else name for index, name in enumerate(kept)]
        other_costs, others = _assigned(traits, freed, told_apart, given)
        fewer = _contradicting(others, traits)
        if len(fewer) >= len(contradicting):  # new names would be no better: then the old ones
            break
        kept, costs, phrases, contradicting = freed, other_costs, others, fewer
    chosen = {index: phrase.name for index, phrase in phrases.items()} | dict(given)
    for index in range(len(segments)):
        if index not in chosen:
            best = _PHRASES[int(costs[index].argmin())].name
            chosen[index] = _held_apart(index, traits[index], chosen, apart, kept[index]) or _told_apart(
                index, best, chosen, apart
            )
    return tuple(chosen[index] for index in range(len(segments)))


def _assigned(
    traits: Sequence[dict[str, float]], held: Sequence[str | None], without: set[int], given: Mapping[int, str]
) -> tuple[Matrix, dict[int, Phrase]]:
    """What each phrase costs (k, number of phrases), and a phrase of its own for each segment that one is true of.

    Segments `without` need none, and those that persons gave a name have it.
    """
    costs = np.array([_costs(each, name) for each, name in zip(traits, held, strict=True)])
    _leave_alone(costs, given)
    wanted = costs.copy()
    for index in without:
        wanted[index][costs[index] < _COST_OF_UNTRUE / 2] = 2 * _COST_OF_UNTRUE
    from scipy.optimize import linear_sum_assignment  # here: see at_need

    pairs = [(int(index), int(phrase)) for index, phrase in zip(*linear_sum_assignment(wanted), strict=True)]
    return costs, {index: _PHRASES[phrase] for index, phrase in pairs if wanted[index, phrase] < _COST_OF_UNTRUE / 2}


def _still_apart(held: Sequence[str | None], traits: Sequence[dict[str, float]], apart: Sequence[Medians]) -> set[int]:
    """Segments whose names held are a phrase and what tells them from the one that has it, and still do."""
    phrases = {index: name for index, name in enumerate(held) if name is not None and name in _BY_NAME}
    others = (index for index, name in enumerate(held) if name is not None and name not in _BY_NAME)
    return {index for index in others if _held_apart(index, traits[index], phrases, apart, held[index])}


def _leave_alone(costs: Matrix, given: Mapping[int, str]) -> None:
    """Let no phrase be true of segments that persons named, nor a name of theirs of any other."""
    taken = {name.casefold() for name in given.values()}
    costs[list(given)] = _COST_OF_UNTRUE
    costs[:, [phrase.name.casefold() in taken for phrase in _PHRASES]] = _COST_OF_UNTRUE


def _contradicting(phrases: dict[int, Phrase], traits: Sequence[dict[str, float]]) -> set[int]:
    """Segments whose names order them otherwise than their customers do: names held for too long."""
    found: set[int] = set()
    for trait, (one, mine), (two, other) in product(_ORDERED, phrases.items(), phrases.items()):
        if trait in mine.claims and trait in other.claims and mine.claim("quiet") == other.claim("quiet"):
            ahead = _value(trait, other, traits[two]) - _value(trait, mine, traits[one])
            if mine.claim(trait) > other.claim(trait) and ahead > _CONTRADICTION:
                found |= {one, two}
    return found


def _standings(profile: Profile, population: Population) -> dict[str, float]:
    """Return how far a segment's medians lie above everyone's, of the features that can tell names apart.

    Nothing about orders is said of customers without orders, nor how many of customers with one.
    """
    told = set(_OF_ALL if profile.without_orders else _MORE_AND_LESS) & profile.medians.keys()
    if profile.one_time:
        told.discard("order_rate")
    return {name: population.standing(name, profile.medians[name]) for name in _MORE_AND_LESS if name in told}


def _traits(profile: Profile, population: Population) -> dict[str, float]:
    """Return what is to be said of a segment, in the units of `phrases.TRAITS`, and of its rhythm."""
    medians, never, once = profile.medians, profile.without_orders, profile.one_time
    apart = _standings(profile, population)
    comes_and_goes = not never and not once
    refunded = medians.get("refund_share", 0.0)
    returns = apart.get("refund_share", 0.0) * population.spread["refund_share"] / _RETURNS_APART
    traits = {
        "frequency": apart.get("order_rate", 0.0) if comes_and_goes else 0.0,
        _RHYTHM: -apart.get("gap_days", 0.0) if comes_and_goes else 0.0,
        _RHYTHM_KNOWN: float("gap_days" in medians),
        "basket": 0.0 if never else _basket(medians, refunded, population),
        "browsing": max(min(apart.get("browse_rate", 0.0), medians.get("browse_rate", 0.0) / _ACTIVE), 0.0),
        "carts": max(min(apart.get("cart_rate", 0.0), medians.get("cart_rate", 0.0) / _CARTS), 0.0),
        "returns": max(returns, 0.0),
        "quiet": 0.0 if never else _quiet(medians, population),
        "once": float(once),
        "never": float(never),
        "returned": float(profile.returned_everything),
    }
    return {name: min(max(value, -_TRAIT_LIMIT), _TRAIT_LIMIT) for name, value in traits.items()}


def _basket(medians: Medians, refunded: float, population: Population) -> float:
    """Return how far above or below everyone's baskets are; 0 where that cannot be told.

    `basket_value` is what was kept of them. Returning most of a basket does not make it a small one, so baskets are no
    smaller than they were as ordered, and the more was returned, the less is said.
    """
    kept = medians.get("basket_value", 0.0)
    if kept <= 0.0:
        return 0.0
    standing = population.standing("basket_value", kept)
    if standing >= 0.0 or refunded == 0.0:
        return standing
    if refunded >= _MUCH_RETURNED:
        return 0.0
    as_ordered = population.standing("basket_value", kept / (1.0 - refunded))
    return min(max(standing * (1.0 - refunded / _MUCH_RETURNED), as_ordered), 0.0)


def _quiet(medians: Medians, population: Population) -> float:
    """Return 0 for customers who come as usual, 1 for those away for three of their usual gaps, 2 for six."""
    usual = medians.get("gap_days", 0.0) or float(np.expm1(population.center["gap_days"]))
    delay = medians.get("recency_days", 0.0) / (_USUAL_DELAY * max(usual, _MIN_RHYTHM_DAYS))
    return max(log2(delay), 0.0) if delay > 0 else 0.0


def _costs(traits: dict[str, float], held: str | None) -> list[float]:
    """How badly each phrase fits; `_COST_OF_UNTRUE` is added where it would claim what is not so."""
    was = _BY_NAME.get(held or "")
    # Once bought, now more often, or the other way round: the next name says nothing of it, lest it flip back.
    flipped = was is not None and "once" not in was.silent and was.claim("once") != traits["once"]
    # While the name held is true another must be more than just true: both at once change nothing near the edge.
    others = -_MARGIN if was is not None and _true(was, traits, _SLACK) else 0.0
    costs = []
    for phrase in _PHRASES:
        cost = _misfit(phrase, traits)
        if not _true(phrase, traits, _SLACK if phrase is was else others):
            cost += _COST_OF_UNTRUE
        elif phrase is was or (flipped and "once" in phrase.silent):
            cost -= _LOYALTY
        costs.append(cost)
    return costs


def _value(trait: str, phrase: Phrase, traits: dict[str, float]) -> float:
    """What a phrase's word for a trait is measured by."""
    return traits[_RHYTHM if trait == "frequency" and "quiet" in phrase.claims else trait]


def _misfit(phrase: Phrase, traits: dict[str, float]) -> float:
    spoken = (trait for trait in TRAITS if trait not in phrase.silent)
    apart = ((trait, _value(trait, phrase, traits) - phrase.claim(trait)) for trait in spoken)
    words = phrase.name.count(" ") + 1
    said = sum(_WEIGHTS.get(trait, _WEIGHT_OF_FACTS) * by * by for trait, by in apart)
    return said + _COST_OF_A_WORD * words + _COST_OF_SILENCE * bool(phrase.silent)


def _true(phrase: Phrase, traits: dict[str, float], slack: float) -> bool:
    for trait, claim in phrase.claims.items():
        if claim:
            value = _value(trait, phrase, traits)
            along = value if claim > 0 else -value
            if along < _TRUE_FROM[abs(claim)] - slack:
                return False
        elif trait == "frequency" and abs(_value(trait, phrase, traits)) > _REGULAR_UP_TO + slack:
            return False
    if traits["quiet"] >= _LAPSING + slack and not ("quiet" in phrase.claims or "browsing" in phrase.claims):
        return False
    if "quiet" in phrase.claims and "frequency" in phrase.claims and not traits[_RHYTHM_KNOWN]:
        return False
    once = "once" in phrase.silent or traits["once"] == phrase.claim("once")
    return once and traits["never"] == phrase.claim("never")


def _held_apart(
    index: int, traits: dict[str, float], chosen: dict[int, str], apart: Sequence[Medians], held: str | None
) -> str | None:
    """The name held, if it is one that tells segments apart, and is free and true still; else None."""
    if held is None or held.casefold() in {name.casefold() for name in chosen.values()}:
        return None
    for best, other in ((name, at) for at, name in chosen.items() if name in _BY_NAME and held.startswith(name)):
        if _true(_BY_NAME[best], traits, _SLACK):
            rest = held.removeprefix(best)
            if rest.removeprefix(" ").isdigit() or rest.removeprefix(", ") in _differences(
                apart[index], apart[other], 0
            ):
                return held
    return None


def _told_apart(index: int, best: str, chosen: dict[int, str], apart: Sequence[Medians]) -> str:
    """The best name once more, with what tells this segment from the one that has it; else with a number."""
    twin = next((other for other, name in sorted(chosen.items()) if name == best), index)
    qualified = [f"{best}, {word}" for word in _differences(apart[index], apart[twin], _APART)]
    taken = {name.casefold() for name in chosen.values()}
    free = [name for name in (best, *qualified) if name.casefold() not in taken]
    numbered = (f"{best} {number}" for number in range(2, len(apart) + 2))
    return free[0] if free else next(name for name in numbered if name.casefold() not in taken)


def _differences(mine: Medians, other: Medians, least: float) -> Iterator[str]:
    """Yield words for where segments lie apart by more than `least`, the greatest difference first."""
    by = {name: mine[name] - other[name] for name in _MORE_AND_LESS if name in mine and name in other}
    for name, apart in sorted(by.items(), key=lambda item: -abs(item[1])):
        if abs(apart) > least:
            more, less = _MORE_AND_LESS[name]
            yield more if apart > 0 else less
