"""Laws of segment names: they differ, are true for any profiles, and stay the same while little changes."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.naming.names import names
from stream_seg.learning.naming.profiles import Population, Profile

SHARE = "refund_share"
OF_ORDERS = frozenset({"basket_value", "recency_days", "gap_days", SHARE})

amounts = st.sampled_from([0.0, 0.0, 0.2, 1.0, 3.0, 30.0, 300.0]) | st.floats(1e-3, 1e4)
shares = st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1)
quick = settings(max_examples=25)


def of_kind(kind: str, medians: dict[str, float]) -> Profile:
    """Return a profile whose customers mostly never ordered, ordered once or again, kept nothing, or none of these."""
    if kind == "never":
        kept = {name: value for name, value in medians.items() if name not in OF_ORDERS}
        return Profile(9, 0.1, kept | {"order_rate": 0.0}, without_orders=True)
    if kind == "returned":
        medians = medians | {SHARE: 1.0}
    if medians[SHARE] == 1.0:
        medians = medians | {"basket_value": 0.0}
    if kind != "again":
        medians = {name: value for name, value in medians.items() if name != "gap_days"}
    return Profile(9, 0.1, medians, one_time=kind in ("once", "returned"), returned_everything=kind == "returned")


def profiles() -> st.SearchStrategy[Profile]:
    """Return a strategy for profiles of segments."""
    again = st.just("again")
    kinds = again | again | st.sampled_from(["never", "once", "returned", "mixed"])
    free = st.fixed_dictionaries({name: shares if name == SHARE else amounts for name in FEATURES})
    return st.builds(of_kind, kinds, free.map(lambda m: m | {"gap_days": max(m["gap_days"], 0.5)}))


populations = st.builds(
    Population,
    st.fixed_dictionaries({name: st.floats(0, 0.3) if name == SHARE else st.floats(0, 5) for name in FEATURES}),
    st.fixed_dictionaries({name: st.floats(0.05, 0.8) if name == SHARE else st.floats(0.15, 0.8) for name in FEATURES}),
)
segments = st.lists(profiles(), min_size=1, max_size=20)


def usual(population: Population, feature: str) -> float:
    """Return the median of the population in human units."""
    center = population.center[feature]
    return center if feature == SHARE else float(np.expm1(center))


def claims(name: str, profile: Profile, population: Population) -> dict[str, bool]:
    """Return whether each claim in a name is true, by word. It is independent of how names are made."""
    one = profile.medians
    above = {feature: value > usual(population, feature) for feature, value in one.items()}
    below = {feature: value < usual(population, feature) for feature, value in one.items()}
    gap = one.get("gap_days")
    away = one.get("recency_days", 0.0) > max(gap or usual(population, "gap_days"), 7.0)
    often = above["order_rate"] or (away and below.get("gap_days", False))
    seldom = below["order_rate"] or (away and above.get("gap_days", False))
    usual_gap = gap is not None and abs(population.z_score("gap_days", gap)) < 1.0
    refunded, kept = one.get(SHARE, 0.0), one.get("basket_value", 0.0)
    ordered = kept / (1.0 - refunded) if refunded < 1.0 else 0.0
    lowered = name.lower()
    truth = {
        "big baskets": ordered > usual(population, "basket_value"),
        "small baskets": 0.0 < ordered < usual(population, "basket_value"),
        "many returns": above.get(SHARE, False),
        "engaged": above["browse_rate"] and one["browse_rate"] > 0.5,
        "browses": above["browse_rate"] and one["browse_rate"] > 0.5,
        "fills carts": above["browse_rate"] and above["cart_rate"] and one["cart_rate"] > 0.4,
        "lapsing": away,
        "lapsed": away,
        "one-time": profile.one_time,
        "without orders": profile.without_orders,
        "returned everything": profile.returned_everything,
        "buyers": not profile.without_orders,
        "shoppers": not profile.without_orders,
        "baskets": not profile.without_orders,
        "frequent": often,
        "occasional": seldom,
        "rare ": seldom,
        "rarely buys": seldom,
        "regular": abs(population.z_score("order_rate", one["order_rate"])) < 1.0 or (away and usual_gap),
    }
    return {word: true for word, true in truth.items() if word in lowered}


@quick
@given(segments, populations)
def test_names_differ_and_claim_nothing_untrue(found: list[Profile], population: Population) -> None:
    named = names(found, population)
    assert len(set(named)) == len(found)
    for name, one in zip(named, found, strict=True):
        assert claims(name, one, population), name  # every name makes a claim that can be wrong
        assert all(claims(name, one, population).values()), (name, one)


@quick
@given(segments, populations)
def test_claims_that_a_record_could_contradict_say_mostly(found: list[Profile], population: Population) -> None:
    for name in names(found, population):
        lowered = name.lower()
        assert not re.search(r"never|no orders|\bal(l|ways)\b", lowered), name
        for word in ("one-time", "without orders", "returned everything"):
            assert lowered.count(word) == lowered.count(f"mostly {word}"), name
        if "without orders" in lowered:
            of_orders = ("more orders", "fewer orders", "spend", "value", "gaps", "returns", "ordered")
            assert not [word for word in of_orders if word in lowered], name
        if "one-time" in lowered:
            assert "orders" not in lowered, name


@quick
@given(segments, populations)
def test_the_same_profiles_get_the_same_names(found: list[Profile], population: Population) -> None:
    named = names(found, population)
    assert names(found, population) == named
    assert names(found, population, named) == named


@quick
@given(st.lists(profiles(), min_size=1, max_size=12), populations, st.integers(0, 2**32 - 1))
def test_a_small_move_renames_no_segment(found: list[Profile], population: Population, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def moved(name: str, value: float) -> float:
        by = float(rng.uniform(-0.02, 0.02)) * population.spread[name]
        if value == 0.0 or (name, value) == (SHARE, 1.0):  # facts, which do not drift
            return value
        return min(max(value + by, 0.0), 1.0) if name == SHARE else float(np.expm1(max(np.log1p(value) + by, 1e-6)))

    steps = [found]
    for _ in range(3):
        steps.append(
            [replace(one, medians={name: moved(name, value) for name, value in one.medians.items()}) for one in found]
        )
    current = names(found, population)
    for _, now in pairwise(steps):
        assert names(now, population, current) == current


@quick
@given(segments, segments, populations)
def test_current_names_do_not_stay_when_they_are_untrue(
    before: list[Profile], after: list[Profile], population: Population
) -> None:
    current = names(before, population)
    for name, one in zip(names(after, population, current), after, strict=True):
        assert all(claims(name, one, population).values()), (name, one)
