"""Laws of names: different, true of the medians whatever those are, and the same while little changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.core.features import FEATURES
from stream_seg.learning.naming import names
from stream_seg.learning.profiles import Population

SHARE = "refund_share"
Medians = dict[str, float]

amounts = st.sampled_from([0.0, 0.0, 0.2, 1.0, 3.0, 30.0, 300.0]) | st.floats(1e-3, 1e4)
shares = st.sampled_from([0.0, 0.1, 0.5]) | st.floats(0, 1)
quick = settings(max_examples=25)


def medians() -> st.SearchStrategy[Medians]:
    """Medians of a segment; who never ordered has no basket, and no gap."""
    free = st.fixed_dictionaries({name: shares if name == SHARE else amounts for name in FEATURES})
    return free.map(lambda m: m | {"basket_value": 0.0, "gap_days": 0.0} if m["order_rate"] == 0.0 else m)


populations = st.builds(
    Population,
    st.fixed_dictionaries({name: st.floats(0, 0.3) if name == SHARE else st.floats(0, 5) for name in FEATURES}),
    st.fixed_dictionaries({name: st.floats(0.05, 0.8) if name == SHARE else st.floats(0.15, 0.8) for name in FEATURES}),
)
segments = st.lists(medians(), min_size=1, max_size=20)


def usual(everyone: Population, feature: str) -> float:
    """Everyone's median, in human units."""
    center = everyone.center[feature]
    return center if feature == SHARE else float(np.expm1(center))


def claims(name: str, one: Medians, everyone: Population) -> dict[str, bool]:
    """Whether what a name says in so many words holds, by word; written without a look at how names are made."""
    above = {feature: one[feature] > usual(everyone, feature) for feature in FEATURES}
    below = {feature: one[feature] < usual(everyone, feature) for feature in FEATURES}
    away = one["recency_days"] > max(one["gap_days"] or usual(everyone, "gap_days"), 7.0)
    often = above["order_rate"] or (away and below["gap_days"])
    seldom = below["order_rate"] or (away and above["gap_days"])
    lowered = name.lower()
    said = {
        "big baskets": above["basket_value"],
        "small baskets": below["basket_value"],
        "many returns": above[SHARE],
        "engaged": above["browse_rate"],
        "browses": above["browse_rate"],
        "fills carts": above["browse_rate"] and above["cart_rate"],
        "lapsing": away,
        "lapsed": away,
        "ne-time": one["gap_days"] == 0.0 and one["order_rate"] > 0.0,
        "never buys": one["order_rate"] == 0.0,
        "no orders yet": one["order_rate"] == 0.0,
        "frequent": often,
        "occasional": seldom,
        "rare ": seldom,
        "rarely buys": seldom,
        "regular": abs(everyone.standing("order_rate", one["order_rate"])) < 1.0
        or (away and abs(everyone.standing("gap_days", one["gap_days"])) < 1.0),
    }
    return {word: true for word, true in said.items() if word in lowered}


@quick
@given(segments, populations)
def test_names_differ_and_say_nothing_untrue(found: list[Medians], everyone: Population) -> None:
    named = names(found, everyone)
    assert len(set(named)) == len(found)
    for name, one in zip(named, found, strict=True):
        assert claims(name, one, everyone), name  # every name says something that can be wrong
        assert all(claims(name, one, everyone).values()), (name, one)


@quick
@given(segments, populations)
def test_the_same_again_has_the_same_names(found: list[Medians], everyone: Population) -> None:
    named = names(found, everyone)
    assert names(found, everyone) == named
    assert names(found, everyone, named) == named


@quick
@given(st.lists(medians(), min_size=1, max_size=12), populations, st.integers(0, 2**32 - 1))
def test_a_small_move_renames_nobody(found: list[Medians], everyone: Population, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def moved(name: str, value: float) -> float:
        by = float(rng.uniform(-0.02, 0.02)) * everyone.spread[name]
        if value == 0.0:
            return value
        return min(max(value + by, 0.0), 1.0) if name == SHARE else float(np.expm1(max(np.log1p(value) + by, 1e-6)))

    steps = [found]
    for _ in range(3):
        steps.append([{name: moved(name, value) for name, value in one.items()} for one in found])
    held = names(found, everyone)
    for _, now in pairwise(steps):
        assert names(now, everyone, held) == held


@quick
@given(segments, segments, populations)
def test_names_held_are_no_reason_to_say_what_is_untrue(
    before: list[Medians], after: list[Medians], everyone: Population
) -> None:
    held = names(before, everyone)
    for name, one in zip(names(after, everyone, held), after, strict=True):
        assert all(claims(name, one, everyone).values()), (name, one)
