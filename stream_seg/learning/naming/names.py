"""Names of segments: a different one for each, in plain words, for what sets the segment apart."""

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

Values = Mapping[str, float]  # by feature

# The cost of a name that is off by one in a trait. The name must say when customers have no orders, or only one.
_WEIGHTS: Final = {"frequency": 1.0, "basket": 1.0, "browsing": 0.7, "carts": 0.2, "returns": 1.0, "quiet": 1.5}
_FACT_WEIGHT: Final = 10.0
_WORD_COST: Final = 0.05
_UNTRUE_COST: Final = 1e6

# A claim is true from the first limits on, and "Regular" is true up to the second, in both directions. The current name
# stays true a little longer, and is preferred unless another fits better by more than `_LOYALTY`, because names should
# change less often than centers.
_TRUE_FROM: Final = {1.0: 0.4, 1.5: 0.7, 2.0: 1.0}
_REGULAR_UP_TO: Final = 0.5
_LAPSING: Final = 1.2  # from here on a name must say that customers lapse, or that they still browse
_SLACK: Final = 0.25
_MARGIN: Final = 0.1
_CONTRADICTION: Final = 0.5  # a name contradicts one of a segment that is ahead by more than this
_LOYALTY: Final = 2.0
_SILENCE_COST: Final = 1.2

_TRAIT_LIMIT: Final = 2.5
_USUAL_DELAY: Final = 1.5  # in usual gaps: a shorter absence is normal
_MIN_RHYTHM_DAYS: Final = 7.0
_MANY_RETURNS: Final = 0.25  # share of money refunded, above the population's median
_MUCH_RETURNED: Final = 0.5  # from here on the kept value tells nothing about the size of baskets
# Absolute minimums per 30 days: interactions of active customers, and cart steps of customers who fill carts.
_ACTIVE: Final = 5.0
_CARTS: Final = 1.0
_LEAST_DIFFERENCE: Final = 0.05  # smaller differences are not mentioned

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
_WITHOUT_ORDERS: Final = ("browse_rate", "cart_rate")  # features that customers without orders have
# The order rates of customers who stay away have decayed. Their gaps, if any, still show how often they used to come.
_RHYTHM: Final = "rhythm"
_RHYTHM_KNOWN: Final = "rhythm known"
_ORDERED: Final = ("frequency", "basket")
_PHRASES: Final = catalogue()
_BY_NAME: Final = {phrase.name: phrase for phrase in _PHRASES}


def names(
    segments: Sequence[Profile],
    population: Population,
    current: Sequence[str | None] = (),
    custom: Mapping[int, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Return a different name for each segment, from its profile.

    `current` are the names that segments of the same ids have now. `custom` are names set by operators, by index. They
    stay as they are, and no other segment gets one of them. The same arguments always give the same names.
    """
    kept = [current[index] if index < len(current) else None for index in range(len(segments))]
    traits = [_traits(profile, population) for profile in segments]
    scores = [_z_scores(profile, population) for profile in segments]
    qualified = _still_qualified(kept, traits, scores)
    costs, phrases = _assigned(traits, kept, qualified, custom)
    contradicting = _contradicting(phrases, traits)
    while stale := {index for index in contradicting if kept[index] is not None}:
        freed = [None if index in stale else name for index, name in enumerate(kept)]
        other_costs, others = _assigned(traits, freed, qualified, custom)
        fewer = _contradicting(others, traits)
        if len(fewer) >= len(contradicting):  # new names would be no better, so the old ones stay
            break
        kept, costs, phrases, contradicting = freed, other_costs, others, fewer
    chosen = {index: phrase.name for index, phrase in phrases.items()} | dict(custom)
    for index in range(len(segments)):
        if index not in chosen:
            best = _PHRASES[int(costs[index].argmin())].name
            still = _kept_qualified(index, traits[index], chosen, scores, kept[index])
            chosen[index] = still or _new_qualified(index, best, chosen, scores)
    return tuple(chosen[index] for index in range(len(segments)))


def _assigned(
    traits: Sequence[dict[str, float]], current: Sequence[str | None], without: set[int], custom: Mapping[int, str]
) -> tuple[Matrix, dict[int, Phrase]]:
    """Return the cost of each phrase (k, number of phrases), and a different phrase for each segment that one fits.

    Segments in `without` need no phrase of their own. Segments in `custom` are named already.
    """
    costs = np.array([_costs(each, name) for each, name in zip(traits, current, strict=True)])
    _exclude_custom(costs, custom)
    wanted = costs.copy()
    for index in without:
        wanted[index][costs[index] < _UNTRUE_COST / 2] = 2 * _UNTRUE_COST
    from scipy.optimize import linear_sum_assignment  # deferred, see lazy_imports

    pairs = [(int(index), int(phrase)) for index, phrase in zip(*linear_sum_assignment(wanted), strict=True)]
    return costs, {index: _PHRASES[phrase] for index, phrase in pairs if wanted[index, phrase] < _UNTRUE_COST / 2}


def _still_qualified(
    current: Sequence[str | None], traits: Sequence[dict[str, float]], scores: Sequence[Values]
) -> set[int]:
    """Return the segments whose current name is another segment's phrase with a qualifier that is still true."""
    phrases = {index: name for index, name in enumerate(current) if name is not None and name in _BY_NAME}
    others = (index for index, name in enumerate(current) if name is not None and name not in _BY_NAME)
    return {index for index in others if _kept_qualified(index, traits[index], phrases, scores, current[index])}


def _exclude_custom(costs: Matrix, custom: Mapping[int, str]) -> None:
    """Rule out every phrase for segments with a custom name, and phrases equal to a custom name for all others."""
    taken = {name.casefold() for name in custom.values()}
    costs[list(custom)] = _UNTRUE_COST
    costs[:, [phrase.name.casefold() in taken for phrase in _PHRASES]] = _UNTRUE_COST


def _contradicting(phrases: dict[int, Phrase], traits: Sequence[dict[str, float]]) -> set[int]:
    """Return segments whose names rank them otherwise than their traits do, because a name was kept for too long."""
    contradicting: set[int] = set()
    for trait, (one, mine), (two, other) in product(_ORDERED, phrases.items(), phrases.items()):
        if trait in mine.claims and trait in other.claims and mine.claim("quiet") == other.claim("quiet"):
            ahead = _value(trait, other, traits[two]) - _value(trait, mine, traits[one])
            if mine.claim(trait) > other.claim(trait) and ahead > _CONTRADICTION:
                contradicting |= {one, two}
    return contradicting


def _z_scores(profile: Profile, population: Population) -> dict[str, float]:
    """Return how far a segment's medians lie above the population's, for the features that can qualify a name.

    Customers without orders have no features about orders, and one-time buyers have no order rate.
    """
    usable = set(_WITHOUT_ORDERS if profile.without_orders else _MORE_AND_LESS) & profile.medians.keys()
    if profile.one_time:
        usable.discard("order_rate")
    return {name: population.z_score(name, profile.medians[name]) for name in _MORE_AND_LESS if name in usable}


def _traits(profile: Profile, population: Population) -> dict[str, float]:
    """Return the traits of a segment in the units of `phrases.TRAITS`, and its rhythm."""
    medians, never, once = profile.medians, profile.without_orders, profile.one_time
    scores = _z_scores(profile, population)
    comes_and_goes = not never and not once
    refunded = medians.get("refund_share", 0.0)
    returns = scores.get("refund_share", 0.0) * population.spread["refund_share"] / _MANY_RETURNS
    traits = {
        "frequency": scores.get("order_rate", 0.0) if comes_and_goes else 0.0,
        _RHYTHM: -scores.get("gap_days", 0.0) if comes_and_goes else 0.0,
        _RHYTHM_KNOWN: float("gap_days" in medians),
        "basket": 0.0 if never else _basket(medians, refunded, population),
        "browsing": max(min(scores.get("browse_rate", 0.0), medians.get("browse_rate", 0.0) / _ACTIVE), 0.0),
        "carts": max(min(scores.get("cart_rate", 0.0), medians.get("cart_rate", 0.0) / _CARTS), 0.0),
        "returns": max(returns, 0.0),
        "quiet": 0.0 if never else _quiet(medians, population),
        "once": float(once),
        "never": float(never),
        "returned": float(profile.returned_everything),
    }
    return {name: min(max(value, -_TRAIT_LIMIT), _TRAIT_LIMIT) for name, value in traits.items()}


def _basket(medians: Values, refunded: float, population: Population) -> float:
    """Return how far baskets lie above or below the population's, or 0 where that is unknown.

    `basket_value` is the value that customers kept. A basket that was mostly returned is not a small one. The result is
    therefore never below the value as ordered, and it shrinks to 0 as more is returned.
    """
    kept = medians.get("basket_value", 0.0)
    if kept <= 0.0:
        return 0.0
    score = population.z_score("basket_value", kept)
    if score >= 0.0 or refunded == 0.0:
        return score
    if refunded >= _MUCH_RETURNED:
        return 0.0
    as_ordered = population.z_score("basket_value", kept / (1.0 - refunded))
    return min(max(score * (1.0 - refunded / _MUCH_RETURNED), as_ordered), 0.0)


def _quiet(medians: Values, population: Population) -> float:
    """Return 0 for customers who order as usual, 1 after an absence of three of their usual gaps, 2 after six."""
    usual = medians.get("gap_days", 0.0) or float(np.expm1(population.center["gap_days"]))
    delay = medians.get("recency_days", 0.0) / (_USUAL_DELAY * max(usual, _MIN_RHYTHM_DAYS))
    return max(log2(delay), 0.0) if delay > 0 else 0.0


def _costs(traits: dict[str, float], current: str | None) -> list[float]:
    """Return how badly each phrase fits. `_UNTRUE_COST` is added where its claims are false."""
    was = _BY_NAME.get(current or "")
    # When most customers turn from one order to more, or back, the next name leaves it open, so that it does not flip.
    flipped = was is not None and "once" not in was.silent and was.claim("once") != traits["once"]
    # While the current name is true, another must be true by a margin, so that names do not flip near a limit.
    others = -_MARGIN if was is not None and _true(was, traits, _SLACK) else 0.0
    costs = []
    for phrase in _PHRASES:
        cost = _misfit(phrase, traits)
        if not _true(phrase, traits, _SLACK if phrase is was else others):
            cost += _UNTRUE_COST
        elif phrase is was or (flipped and "once" in phrase.silent):
            cost -= _LOYALTY
        costs.append(cost)
    return costs


def _value(trait: str, phrase: Phrase, traits: dict[str, float]) -> float:
    """Return the value by which a phrase's word for a trait is measured."""
    return traits[_RHYTHM if trait == "frequency" and "quiet" in phrase.claims else trait]


def _misfit(phrase: Phrase, traits: dict[str, float]) -> float:
    spoken = (trait for trait in TRAITS if trait not in phrase.silent)
    errors = ((trait, _value(trait, phrase, traits) - phrase.claim(trait)) for trait in spoken)
    words = phrase.name.count(" ") + 1
    misfit = sum(_WEIGHTS.get(trait, _FACT_WEIGHT) * error * error for trait, error in errors)
    return misfit + _WORD_COST * words + _SILENCE_COST * bool(phrase.silent)


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


def _kept_qualified(
    index: int, traits: dict[str, float], chosen: dict[int, str], scores: Sequence[Values], current: str | None
) -> str | None:
    """Return the current name if it is a phrase with a qualifier, and is still free and true. Otherwise None."""
    if current is None or current.casefold() in {name.casefold() for name in chosen.values()}:
        return None
    for phrase, other in ((name, at) for at, name in chosen.items() if name in _BY_NAME and current.startswith(name)):
        if _true(_BY_NAME[phrase], traits, _SLACK):
            qualifier = current.removeprefix(phrase)
            differences = _differences(scores[index], scores[other], 0)
            if qualifier.removeprefix(" ").isdigit() or qualifier.removeprefix(", ") in differences:
                return current
    return None


def _new_qualified(index: int, best: str, chosen: dict[int, str], scores: Sequence[Values]) -> str:
    """Return the best name with a qualifier that tells the segment from the one that has it, or with a number."""
    twin = next((other for other, name in sorted(chosen.items()) if name == best), index)
    qualified = [f"{best}, {word}" for word in _differences(scores[index], scores[twin], _LEAST_DIFFERENCE)]
    taken = {name.casefold() for name in chosen.values()}
    free = [name for name in (best, *qualified) if name.casefold() not in taken]
    numbered = (f"{best} {number}" for number in range(2, len(scores) + 2))
    return free[0] if free else next(name for name in numbered if name.casefold() not in taken)


def _differences(mine: Values, other: Values, least: float) -> Iterator[str]:
    """Yield words for features in which segments differ by more than `least`, the greatest difference first."""
    differences = {name: mine[name] - other[name] for name in _MORE_AND_LESS if name in mine and name in other}
    for name, difference in sorted(differences.items(), key=lambda item: -abs(item[1])):
        if abs(difference) > least:
            more, less = _MORE_AND_LESS[name]
            yield more if difference > 0 else less
