"""Words and units."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.cli.words import cause, day, explained, money, moved, quantity, where

SMALL = {"segment": "b2", "name": "Bargain browsers", "since": "2017-03-02T10:11:12Z"}
BIG = {"segment": "b0", "name": "Frequent big baskets", "since": "2017-05-09T18:00:31Z"}


def change(**given: Any) -> dict[str, Any]:
    return {
        "customer_id": "h-1871",
        "dimension": "behavior",
        "from": SMALL,
        "to": BIG,
        "reason": {
            "code": "event",
            "event_id": "e-91",
            "event_type": "order_completed",
            "features": {"spend_rate": {"before": 41.2, "after": 97.8}, "order_rate": {"before": 1, "after": 2.25}},
        },
        "confidence": 0.81,
        "runner_up": "b2",
        "occurred_at": "2017-05-09T18:00:31Z",
        "model_version": 12,
        **given,
    }


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (41.2, "USD", "$41.20"),
        (1234.5, "USD", "$1,234"),
        (0.0, "EUR", "€0.00"),
        (-3.5, "GBP", "-£3.50"),
        (250.0, "SEK", "SEK 250"),
    ],
)
def test_money(amount: float, currency: str, written: str) -> None:
    assert money(amount, currency) == written


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("order_rate", 8.76, "8.8"),
        ("recency_days", 4.06, "4.1"),
        ("recency_days", 123.4, "123"),
        ("refund_share", 0.256, "26%"),
        ("basket_value", 27.914, "$27.91"),
        ("a later feature", 1.5, "1.5"),
    ],
)
def test_features(name: str, value: float, written: str) -> None:
    assert quantity(name, value, "USD") == written


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"code": "event", "event_type": "order_completed"}, "an order"),
        ({"code": "event", "event_type": "product_viewed"}, "a product viewed event"),
        ({"code": "event", "event_type": None}, "something the customer did"),
        ({"code": "model"}, "a new model (12)"),
        ({"code": "deadline"}, "time that passed without anything happening"),
        ({"code": "a later code"}, "a later code"),
    ],
)
def test_causes(reason: dict[str, Any], words: str) -> None:
    assert cause(change(reason=reason)) == words


def test_a_new_name_is_explained() -> None:
    renamed = change(change="renamed", to={**SMALL, "name": "Bargains"}, reason={"code": "definition"}, runner_up=None)

    assert cause(renamed) == "a new name of the segment"
    assert list(explained(renamed, "USD")) == [
        "On 9 May 2017 'Bargain browsers', where h-1871 is since 2 Mar 2017, was renamed 'Bargains'.",
        "The cause was a new name of the segment.",
    ]


def test_features_that_moved() -> None:
    assert moved(change(), "USD") == ["spend a month $41.20 → $97.80", "orders a month 1.0 → 2.2"]


def test_a_feature_that_reads_the_same_did_not_move() -> None:
    features = {"browse_rate": {"before": 0.31, "after": 0.27}, "basket_value": {"before": 45.29, "after": 42.83}}
    told = change(reason={"code": "event", "features": features})
    assert moved(told, "USD") == ["worth of a basket after returns $45.29 → $42.83"]


def test_where_a_change_goes() -> None:
    assert where(change()) == "Bargain browsers → Frequent big baskets"
    assert where(change(**{"from": None})) == "→ Frequent big baskets"
    assert where(change(to=None)) == "Bargain browsers → no segment"


def test_days() -> None:
    assert day("2017-05-09T18:00:31Z") == "9 May 2017"
    assert day(None) == "never"


def test_a_move_is_explained() -> None:
    assert list(explained(change(), "USD", {"b2": "Bargain browsers"})) == [
        "On 9 May 2017 h-1871 moved from 'Bargain browsers' (since 2 Mar 2017) to 'Frequent big baskets'.",
        "The cause was an order (event e-91).",
        "What moved most: spend a month $41.20 → $97.80; orders a month 1.0 → 2.2.",
        "It was clear: the new segment is 81% nearer than the runner-up, 'Bargain browsers' (b2).",
    ]


def test_an_entry_and_an_exit_are_explained() -> None:
    entry = list(explained(change(**{"from": None, "reason": {"code": "model"}, "runner_up": None}), "USD"))
    exit_ = list(explained(change(to=None, reason={"code": "erase"}), "USD"))

    assert entry == [
        "On 9 May 2017 h-1871 entered 'Frequent big baskets', the first segment in dimension behavior.",
        "The cause was a new model (12).",
    ]
    assert exit_ == [
        "On 9 May 2017 h-1871 left 'Bargain browsers', and is in no segment of dimension behavior now.",
        "The cause was the erasure of the customer.",
    ]
