from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.naming.names import names
from stream_seg.learning.naming.phrases import catalogue
from stream_seg.learning.naming.profiles import Population, Profile

# The median customer: 3 orders of 30 in 30 days, an order every 10 days, the last one 5 days ago.
USUAL = {
    "order_rate": 3.0,
    "spend_rate": 90.0,
    "basket_value": 30.0,
    "recency_days": 5.0,
    "gap_days": 10.0,
    "browse_rate": 4.0,
    "cart_rate": 1.0,
    "refund_share": 0.0,
}
EVERYONE = Population(
    center={name: value if name == "refund_share" else float(np.log1p(value)) for name, value in USUAL.items()},
    spread={name: 0.1 if name == "refund_share" else 0.5 for name in FEATURES},
)


OF_ORDERS = ("basket_value", "recency_days", "gap_days", "refund_share")


def segment(**unusual: float) -> Profile:
    """Return customers with the usual features except `unusual`."""
    return Profile(10, 0.1, USUAL | unusual)


def one_time(**unusual: float) -> Profile:
    """Return customers who bought on one day only and have no gap."""
    return Profile(
        10, 0.1, {name: value for name, value in (USUAL | unusual).items() if name != "gap_days"}, one_time=True
    )


def without_orders(**unusual: float) -> Profile:
    """Return customers who never ordered."""
    medians = USUAL | {"order_rate": 0.0, "spend_rate": 0.0} | unusual
    known = {name: value for name, value in medians.items() if name not in OF_ORDERS}
    return Profile(10, 0.1, known, without_orders=True)


@pytest.mark.parametrize(
    ("unusual", "name"),
    [
        ({}, "Regular shoppers"),
        ({"order_rate": 6.0, "basket_value": 55.0}, "Frequent big baskets"),
        ({"order_rate": 12.0, "basket_value": 15.0}, "Very frequent small baskets"),
        ({"order_rate": 1.2, "basket_value": 16.0}, "Occasional small baskets"),
        ({"order_rate": 0.3, "basket_value": 100.0}, "Rare very big baskets"),
        ({"order_rate": 1.0, "browse_rate": 8.0}, "Browses, rarely buys"),
        ({"order_rate": 1.0, "browse_rate": 15.0}, "Browses a lot, rarely buys"),
        ({"order_rate": 6.0, "browse_rate": 8.0}, "Frequent shoppers, engaged"),
        ({"refund_share": 0.3}, "Regular shoppers, many returns"),
        ({"order_rate": 1.0, "recency_days": 32.0}, "Lapsing regulars"),
        ({"order_rate": 0.5, "recency_days": 90.0, "gap_days": 5.0}, "Lapsed frequent shoppers"),
        ({"order_rate": 6.0, "browse_rate": 12.0}, "Frequent shoppers, highly engaged"),
    ],
)
def test_plain_names(unusual: dict[str, float], name: str) -> None:
    assert names([segment(**unusual)], EVERYONE) == (name,)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (one_time(order_rate=0.5), "Mostly one-time buyers"),
        (one_time(order_rate=0.2, recency_days=90.0), "Lapsed, mostly one-time buyers"),
        (one_time(order_rate=0.5, basket_value=60.0), "Mostly one-time big baskets"),
        (without_orders(browse_rate=2.0), "Mostly without orders"),
        (without_orders(browse_rate=9.0), "Browses, mostly without orders"),
        (without_orders(browse_rate=9.0, cart_rate=4.0), "Fills carts, mostly without orders"),
    ],
)
def test_names_of_facts_about_most_customers_say_mostly(profile: Profile, name: str) -> None:
    assert names([profile], EVERYONE) == (name,)


KEPT_NOTHING = {"refund_share": 1.0, "basket_value": 0.0, "spend_rate": 0.0}


def kept_nothing(profile: Profile) -> Profile:
    """Return the same customers after they returned everything."""
    return replace(profile, medians=profile.medians | KEPT_NOTHING, returned_everything=True)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (kept_nothing(one_time(order_rate=0.5)), "Mostly returned everything"),
        (kept_nothing(one_time(order_rate=0.1, recency_days=90.0)), "Lapsed, mostly returned everything"),
        (kept_nothing(one_time(order_rate=0.5, browse_rate=9.0)), "Browses, mostly returned everything"),
        (kept_nothing(segment(order_rate=6.0)), "Mostly returned everything"),
        (segment(refund_share=0.9, basket_value=3.0), "Regular shoppers, many returns"),
    ],
)
def test_customers_who_returned_everything_are_neither_buyers_nor_without_orders(profile: Profile, name: str) -> None:
    assert names([profile], EVERYONE) == (name,)


def test_returns_do_not_make_baskets_small() -> None:
    returns_most = segment(order_rate=6.0, refund_share=0.8, basket_value=12.0)  # of baskets of 60
    assert names([returns_most], EVERYONE) == ("Frequent shoppers, many returns",)
    returns_some = segment(refund_share=0.3, basket_value=22.0)  # of baskets of 31
    assert names([returns_some], EVERYONE) == ("Regular shoppers, many returns",)
    small = segment(refund_share=0.15, basket_value=10.0)
    assert names([small], EVERYONE) == ("Regular small baskets, many returns",)


def test_little_browsing_is_not_engaged_in_a_quiet_shop() -> None:
    quiet_shop = Population(EVERYONE.center | {"browse_rate": 0.0}, EVERYONE.spread | {"browse_rate": 0.15})
    assert names([segment(browse_rate=0.9)], quiet_shop) == ("Regular shoppers",)
    assert names([segment(browse_rate=6.0)], quiet_shop) == ("Regular shoppers, engaged",)


def test_a_name_claims_a_frequency_only_where_gaps_are_known() -> None:
    # A third never ordered, a third ordered once, and a third more often, so that no flag applies.
    medians = {name: value for name, value in USUAL.items() if name != "gap_days"} | {"recency_days": 90.0}
    assert names([Profile(10, 0.1, medians)], EVERYONE) == ("Lapsed buyers",)


def test_qualifiers_use_features_that_both_segments_have() -> None:
    never = without_orders(browse_rate=2.0, cart_rate=0.5)
    assert names([never, without_orders(browse_rate=3.0, cart_rate=0.5)], EVERYONE) == (
        "Mostly without orders",
        "Mostly without orders, more active",
    )
    # The name of customers without orders contains nothing about orders.
    assert names([never, without_orders(browse_rate=2.0, cart_rate=0.5, order_rate=1e-3)], EVERYONE) == (
        "Mostly without orders",
        "Mostly without orders 2",
    )
    assert names([one_time(order_rate=0.5), one_time(order_rate=0.9, spend_rate=120.0)], EVERYONE) == (
        "Mostly one-time buyers",
        "Mostly one-time buyers, higher spend",
    )


def test_a_daily_shopper_away_for_three_days_is_not_lapsing() -> None:
    assert names([segment(gap_days=1.0, recency_days=3.0)], EVERYONE) == ("Regular shoppers",)


def test_lapsed_segments_never_get_a_name_of_regular_customers() -> None:
    away = [segment(order_rate=1.0, recency_days=60.0 + i, spend_rate=60.0 + 30 * i) for i in range(8)]
    assert [name for name in names(away, EVERYONE) if not name.startswith(("Lapsed", "Lapsing"))] == []


def test_similar_segments_are_qualified_by_their_difference() -> None:
    assert names([segment(order_rate=5.2), segment(order_rate=5.3, spend_rate=120.0)], EVERYONE) == (
        "Frequent shoppers",
        "Frequent shoppers, higher spend",
    )


def test_identical_segments_get_numbers() -> None:
    assert names([segment(), segment(), segment()], EVERYONE) == (
        "Regular shoppers",
        "Regular shoppers 2",
        "Regular shoppers 3",
    )


def test_a_name_stays_while_it_still_fits() -> None:
    drifted = segment(order_rate=4.0)  # now a little nearer to "Regular shoppers"
    assert names([drifted], EVERYONE) == ("Regular shoppers",)
    assert names([drifted], EVERYONE, ["Frequent shoppers"]) == ("Frequent shoppers",)


def test_a_name_changes_when_it_is_no_longer_true() -> None:
    assert names([segment(order_rate=3.0)], EVERYONE, ["Frequent shoppers"]) == ("Regular shoppers",)
    assert names([segment()], EVERYONE, ["An unknown name"]) == ("Regular shoppers",)


def test_current_names_do_not_contradict_each_other() -> None:
    segments = [segment(order_rate=4.0), segment(order_rate=5.0)]
    assert names(segments, EVERYONE, ["Frequent shoppers", "Regular shoppers"]) == (
        "Frequent shoppers",
        "Frequent shoppers, more orders",
    )


def test_a_new_segment_does_not_take_a_current_name() -> None:
    segments = [segment(order_rate=5.0), segment(order_rate=5.2)]
    assert names(segments, EVERYONE, ["Frequent shoppers", None])[0] == "Frequent shoppers"
    assert names(segments, EVERYONE, [None, "Frequent shoppers"])[1] == "Frequent shoppers"


def test_qualified_names_stay_too() -> None:
    segments = [segment(order_rate=5.2), segment(order_rate=5.3, spend_rate=120.0)]
    first = names(segments, EVERYONE)
    moved = [segments[0], segment(order_rate=5.3, spend_rate=115.0, browse_rate=2.5)]
    assert names(moved, EVERYONE, first) == first


def test_every_phrase_has_a_different_name() -> None:
    found = [phrase.name for phrase in catalogue()]
    assert len(found) == len(set(found))
    assert len(found) > 64


@pytest.mark.parametrize("seed", range(3))
def test_64_segments_get_64_names_and_keep_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    segments = []
    for _ in range(64):
        factors = dict(zip(FEATURES, np.exp(rng.normal(0, 0.8, len(FEATURES))).tolist(), strict=True))
        medians = {name: value * factors[name] for name, value in USUAL.items()}
        segments.append(Profile(10, 0.1, medians | {"refund_share": 0.0 if rng.random() < 0.8 else 0.2}))
    found = names(segments, EVERYONE)
    assert len(set(found)) == 64
    assert not [name for name in found if re.search(r"\d", name)]
    assert names(segments, EVERYONE, found) == found


def test_custom_names_stay_and_no_other_segment_gets_one() -> None:
    big = segment(order_rate=6.0, basket_value=55.0)
    assert names([segment(), big], EVERYONE) == ("Regular shoppers", "Frequent big baskets")
    custom = {0: "frequent BIG baskets"}
    named = names(
        [segment(), big, big], EVERYONE, current=["frequent BIG baskets", "Frequent big baskets", None], custom=custom
    )
    assert named[0] == "frequent BIG baskets"
    assert len({name.casefold() for name in named}) == 3
    assert names([segment(), big], EVERYONE, custom={1: "Families"}) == ("Regular shoppers", "Families")
    assert names([segment()] * 2, EVERYONE, custom={0: "A", 1: "B"}) == ("A", "B")
