"""Profiles of segments in words."""

from __future__ import annotations

import pytest

from stream_seg.cli.console import stdout
from stream_seg.cli.profiles import difference_in_words, headline, mix_in_words, profiles
from stream_seg.cli.segments import segment_facts
from tests.unit.cli.test_segments import printed

MODEL = {
    "segments": [
        {
            "id": "b0",
            "name": "Frequent big baskets",
            "features": {"order_rate": 8.21, "spend_rate": 412.0, "recency_days": 2.1},
            "revenue_share": 0.38,
            "views_per_order": 3.4,
            "channels": {"store": 0.62, "web": 0.38},
            "categories": {"GROCERY, FUEL and others": 0.8, "MEAT": 0.2},
            "differences": [
                {"what": "order_rate", "here": 8.21, "rest": 1.4, "strength": 2.1},
                {"what": "channel:web", "here": 0.38, "rest": 0.6, "strength": -0.6},
            ],
        },
        {"id": "b1", "name": "An older model's", "features": {}},
    ]
}


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (("order_rate", 8.21, 1.4, 2.1), "orders a month: far higher, 8.2 against 1.4 (5.9 times)"),
        (("spend_rate", 40.0, 120.0, -1.2), "spend a month: much lower, $40.00 against $120"),
        (("refund_share", 0.2, 0.0, 0.7), "share of money refunded: clearly higher, 20% against 0%"),
        (("channel:web", 0.38, 0.6, -0.4), "share of actions in web: somewhat lower, 38% against 60%"),
        (("category:MEAT", 0.3, 0.1, 1.0), "share of goods from MEAT: much higher, 30% against 10%"),
        (("of_a_later_version", 2.0, 1.9, 0.5), "of_a_later_version: clearly higher, 2 against 1.9"),
        (("order_rate", 2.1, 0.0002, 2.5), "orders a month: far higher, 2.1 against 0.0"),  # not 10,500 times
        (("refund_share", 0.19, 0.0002, 2.5), "share of money refunded: far higher, 19% against 0%"),
        (("spend_rate", 18.06, 0.01, 2.5), "spend a month: far higher, $18.06 against $0.01"),
        (("order_rate", 0.04, 0.0, 0.3), None),  # both read 0.0
        (("channel:web", 0.004, 0.001, 0.3), None),
        (("channel:store", 0.997, 0.9, 0.6), "share of actions in store: clearly higher, >99% against 90%"),
    ],
)
def test_a_difference_in_words(difference: tuple[str, float, float, float], words: str | None) -> None:
    assert difference_in_words(dict(zip(("what", "here", "rest", "strength"), difference, strict=True)), "USD") == words


def test_medians_in_one_line() -> None:
    assert headline({"order_rate": 8.21, "recency_days": 2.1}, None, "EUR") == (
        "8.2 orders a month, 2.1 days since the last order"
    )
    assert mix_in_words({"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.06, "e": 0.04}) == "a 50%; b 30%; c 10%; d 6%"


def test_parts_that_cannot_be_seen_are_left_out_and_nearly_all_is_not_all() -> None:
    assert mix_in_words({"web": 0.997, "store": 0.003}) == "web >99%"
    assert mix_in_words({"web": 1.0}) == "web 100%"


def test_differences_that_would_read_the_same_are_left_out_for_programs_too() -> None:
    told = {**MODEL["segments"][0], "differences": [{"what": "order_rate", "here": 0.04, "rest": 0.0, "strength": 0.3}]}  # type: ignore[dict-item]
    assert segment_facts({"behavior": {"b0": 1}}, {"segments": [told]})[0].differences == []


def test_what_a_segment_does_not_have_has_no_line() -> None:
    browsers = {
        "id": "b0",
        "name": "Browses, mostly without orders",
        "features": {"order_rate": 0.0, "spend_rate": 0.0},
    }
    lines = printed(profiles(segment_facts({"behavior": {"b0": 9}}, {"segments": [browsers]}), "USD"))
    assert lines[:2] == [
        "Browses, mostly without orders (b0): 9 customers, 100% of all",
        "  medians  0.0 orders a month, $0.00 spend a month",
    ]


def test_a_block_a_segment_fits_80_columns() -> None:
    lines = printed(profiles(segment_facts({"behavior": {"b0": 312, "b1": 88}}, MODEL), "USD"), width=80)

    assert [line.rstrip() for line in lines] == [
        "Frequent big baskets (b0): 312 customers, 78% of all, 38% of revenue",
        "  medians     8.2 orders a month, $412 spend a month, 2.1 days since the last",
        "              order, 3.4 views per order",
        "  channels    store 62%; web 38%",
        "  goods       GROCERY, FUEL and others 80%; MEAT 20%",
        "  differs by  orders a month: far higher, 8.2 against 1.4 (5.9 times)",
        "              share of actions in web: clearly lower, 38% against 60%",
        "",
        "An older model's (b1): 88 customers, 22% of all",
        "",
    ]


def test_names_of_categories_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    told = {**MODEL["segments"][0], "categories": {"[/toys] and [red]": 0.8, ":heart:\x1b[2J": 0.2}}  # type: ignore[dict-item]
    found = segment_facts({"behavior": {"b0": 1}}, {"segments": [told]})

    stdout().print(profiles(found, "USD"))

    assert r"goods       [/toys] and [red] 80%; :heart:\x1b[2J 20%" in capsys.readouterr().out


def test_for_programs_all_of_it_is_there() -> None:
    first, second = segment_facts({"behavior": {"b0": 2, "b1": 1}}, MODEL)

    assert (first.revenue_share, first.views_per_order, first.channels) == (0.38, 3.4, {"store": 0.62, "web": 0.38})
    assert first.differences[0]["words"] == "orders a month: far higher, 8.2 against 1.4 (5.9 times)"
    assert (second.revenue_share, second.differences) == (None, [])
