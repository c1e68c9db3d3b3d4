from __future__ import annotations

import re

import numpy as np
import pytest

from stream_seg.core.features import FEATURES
from stream_seg.learning.naming import names
from stream_seg.learning.phrases import catalogue
from stream_seg.learning.profiles import Population

# Everyone: 3 orders of 30 in 30 days, a purchase every 10 days, the last one 5 days ago.
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


def segment(**unusual: float) -> dict[str, float]:
    return USUAL | unusual


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
        ({"order_rate": 0.5, "gap_days": 0.0}, "One-time buyers"),
        ({"order_rate": 0.2, "gap_days": 0.0, "recency_days": 90.0}, "Lapsed one-time buyers"),
        (
            {"order_rate": 0.0, "spend_rate": 0.0, "basket_value": 0.0, "gap_days": 0.0, "browse_rate": 2.0},
            "No orders yet",
        ),
        (
            {"order_rate": 0.0, "spend_rate": 0.0, "basket_value": 0.0, "gap_days": 0.0, "browse_rate": 9.0},
            "Browses, never buys",
        ),
    ],
)
def test_plain_names(unusual: dict[str, float], name: str) -> None:
    assert names([segment(**unusual)], EVERYONE) == (name,)


def test_a_daily_shopper_away_for_three_days_is_not_lapsing() -> None:
    assert names([segment(gap_days=1.0, recency_days=3.0)], EVERYONE) == ("Regular shoppers",)


def test_who_stays_away_is_not_called_regular_for_want_of_names() -> None:
    away = [segment(order_rate=1.0, recency_days=60.0 + i, spend_rate=60.0 + 30 * i) for i in range(8)]
    assert [name for name in names(away, EVERYONE) if not name.startswith(("Lapsed", "Lapsing"))] == []


def test_segments_alike_are_told_apart_by_where_they_differ() -> None:
    assert names([segment(order_rate=5.2), segment(order_rate=5.3, spend_rate=120.0)], EVERYONE) == (
        "Frequent shoppers",
        "Frequent shoppers, higher spend",
    )


def test_segments_that_differ_in_nothing_get_numbers() -> None:
    assert names([segment(), segment(), segment()], EVERYONE) == (
        "Regular shoppers",
        "Regular shoppers 2",
        "Regular shoppers 3",
    )


def test_a_name_stays_while_it_still_fits() -> None:
    drifted = segment(order_rate=4.0)  # by now a little nearer to "Regular shoppers"
    assert names([drifted], EVERYONE) == ("Regular shoppers",)
    assert names([drifted], EVERYONE, ["Frequent shoppers"]) == ("Frequent shoppers",)


def test_a_name_goes_when_it_is_not_true_any_more() -> None:
    assert names([segment(order_rate=3.0)], EVERYONE, ["Frequent shoppers"]) == ("Regular shoppers",)
    assert names([segment()], EVERYONE, ["A name nobody knows"]) == ("Regular shoppers",)


def test_names_held_do_not_contradict_each_other() -> None:
    segments = [segment(order_rate=4.0), segment(order_rate=5.0)]
    assert names(segments, EVERYONE, ["Frequent shoppers", "Regular shoppers"]) == (
        "Frequent shoppers",
        "Frequent shoppers, more orders",
    )


def test_a_newcomer_does_not_take_a_name_that_is_held() -> None:
    segments = [segment(order_rate=5.0), segment(order_rate=5.2)]
    assert names(segments, EVERYONE, ["Frequent shoppers", None])[0] == "Frequent shoppers"
    assert names(segments, EVERYONE, [None, "Frequent shoppers"])[1] == "Frequent shoppers"


def test_names_told_apart_stay_too() -> None:
    segments = [segment(order_rate=5.2), segment(order_rate=5.3, spend_rate=120.0)]
    first = names(segments, EVERYONE)
    moved = [segments[0], segment(order_rate=5.3, spend_rate=115.0, browse_rate=2.5)]
    assert names(moved, EVERYONE, first) == first


def test_every_phrase_has_a_name_of_its_own() -> None:
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
        segments.append(medians | {"refund_share": 0.0 if rng.random() < 0.8 else 0.2})
    found = names(segments, EVERYONE)
    assert len(set(found)) == 64
    assert not [name for name in found if re.search(r"\d", name)]
    assert names(segments, EVERYONE, found) == found


def test_names_that_persons_gave_stay_and_are_given_to_nobody_else() -> None:
    big = segment(order_rate=6.0, basket_value=55.0)
    assert names([segment(), big], EVERYONE) == ("Regular shoppers", "Frequent big baskets")
    given = {0: "frequent BIG baskets"}
    named = names(
        [segment(), big, big], EVERYONE, held=["frequent BIG baskets", "Frequent big baskets", None], given=given
    )
    assert named[0] == "frequent BIG baskets"
    assert len({name.casefold() for name in named}) == 3
    assert names([segment(), big], EVERYONE, given={1: "Families"}) == ("Regular shoppers", "Families")
    assert names([segment()] * 2, EVERYONE, given={0: "A", 1: "B"}) == ("A", "B")
