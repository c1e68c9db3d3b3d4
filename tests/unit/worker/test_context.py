"""Traits from the context of events and from survey answers, and the bounds on their number and size."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.context import MAX_TRAITS_BYTES, traits_of, within_bounds
from stream_seg.settings import Settings
from tests.unit.contracts.test_formats import SHOPIFY_ORDER
from tests.unit.worker.shops import Shop

ALL = ("geo.country", "geo.region", "geo.city", "device.type", "locale", "timezone")
TIME = "2026-11-29T18:00:00Z"
CONTEXT = {
    "location": {"country": "Austria", "region": "Styria", "city": "Graz"},
    "device": {"type": "android", "id": "x"},
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "library": {"name": "x"},
}
EXPECTED = {
    "geo.country": "Austria",
    "geo.region": "Styria",
    "geo.city": "Graz",
    "device.type": "android",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
}


def call(message: str, time: str = TIME, **more: Any) -> dict[str, Any]:
    """Return a Segment call of customer c."""
    return {"messageId": message, "userId": "c", "type": "track", "timestamp": time, "context": CONTEXT, **more}


def view(message: str, time: str = TIME, **more: Any) -> dict[str, Any]:
    """Return a product view of customer c."""
    return call(message, time, event="Product Viewed", **more)


def test_country_city_and_device_type_are_taken_by_default() -> None:
    shop = Shop()
    shop.send("interactions", "c", view("m-1"))
    assert shop.traits("c") == {name: EXPECTED[name] for name in ("geo.country", "geo.city", "device.type")}


@pytest.mark.parametrize("topic", ["purchases", "interactions", "profiles"])
def test_events_of_every_topic_carry_context(topic: str) -> None:
    shop = Shop(context_traits=ALL)
    kinds = {
        "purchases": call("m-1", event="Order Completed", properties={"order_id": "o-1", "revenue": 5}),
        "interactions": view("m-1"),
        "profiles": call("m-1", type="identify", traits={"plan": "gold", "locale": "said"}),
    }
    shop.send(topic, "c", kinds[topic])
    traits = {"plan": "gold", "locale": "said"} if topic == "profiles" else {}
    assert shop.traits("c") == EXPECTED | traits


def test_native_events_carry_context_too() -> None:
    shop = Shop(context_traits=ALL)
    native = {"event_id": "e-1", "customer_id": "c", "occurred_at": TIME, "context": CONTEXT}
    shop.send("purchases", "c", {**native, "order_id": "o-1", "amount": 5})
    assert shop.traits("c") == EXPECTED
    shop.send("interactions", "c", {**native, "event_id": "e-2", "type": "page_viewed", "context": "a web page"})
    assert shop.traits("c") == EXPECTED


def test_the_value_of_the_latest_event_wins_and_a_repeat_changes_nothing() -> None:
    shop = Shop()
    later = view("m-2", "2026-11-29T19:00:00Z", context={"location": {"city": "Linz"}})
    shop.send("interactions", "c", later)
    shop.send("interactions", "c", view("m-1"))
    assert shop.traits("c") == {"geo.country": "Austria", "geo.city": "Linz", "device.type": "android"}
    before = shop.customer("c").traits
    shop.send("interactions", "c", later, view("m-1"))
    assert shop.customer("c").traits == before


def test_unknown_values_are_not_traits() -> None:
    for value in (None, "", " ", "(not set)", "unknown", 5, ["Graz"], {"name": "Graz"}, "x" * 257):
        event = {"type": "page_viewed", "context": {"location": {"city": value}}}
        assert traits_of(event, ALL) == {}
    assert traits_of({"type": "page_viewed", "context": {"location": "Graz", "device": None}}, ALL) == {}


def test_ga4_rows_carry_place_and_device() -> None:
    shop = Shop(context_traits=ALL)
    row = {
        "event_name": "view_item",
        "event_timestamp": 1795802742000000,
        "user_id": "c",
        "geo": {"country": "Austria", "region": "Styria", "city": "(not set)", "metro": "x"},
        "device": {"category": "mobile", "language": "de-at", "operating_system": "iOS"},
    }
    shop.send("interactions", "c", row)
    assert shop.traits("c") == {
        "geo.country": "Austria",
        "geo.region": "Styria",
        "device.type": "mobile",
        "locale": "de-at",
    }


def test_shopify_orders_carry_the_place_of_their_address() -> None:
    shop = Shop(context_traits=ALL)
    shop.send("purchases", "8842", {**SHOPIFY_ORDER, "currency": "USD"})
    assert shop.traits("8842") == {
        "geo.country": "Austria",
        "geo.region": "Styria",
        "geo.city": "Graz",
        "locale": "de-AT",
    }


def test_an_answer_to_a_survey_is_a_trait_and_an_interaction() -> None:
    shop = Shop()
    native = {"event_id": "e-1", "customer_id": "c", "occurred_at": TIME, "type": "survey_answered"}
    shop.send("interactions", "c", {**native, "question": "nps", "answer": 9, "rating": 9})
    segment = call("m-1", event="Survey Answered", properties={"question": "why", "answer": "fast"}) | {"context": None}
    shop.send("interactions", "c", segment)
    shop.send("interactions", "c", {**native, "event_id": "e-2", "question": "unanswered"})
    assert shop.traits("c") == {"survey.nps": 9, "survey.why": "fast"}
    assert shop.customer("c").interactions == 3


@pytest.mark.parametrize(("answer", "reason"), [([1], "wrong_type"), ({"a": 1}, "wrong_type")])
def test_a_survey_answer_must_be_a_scalar(answer: Any, reason: str) -> None:
    shop = Shop()
    event = {"event_id": "e-1", "customer_id": "c", "occurred_at": TIME, "type": "survey_answered"}
    shop.send("interactions", "c", {**event, "question": "nps", "answer": answer})
    assert shop.dead_letter()[0] == reason


def test_other_events_may_have_a_question_of_any_type() -> None:
    shop = Shop()
    event = {"event_id": "e-1", "customer_id": "c", "occurred_at": TIME, "type": "support_contacted"}
    shop.send("interactions", "c", {**event, "question": {"text": "where is my tea"}, "answer": ["soon"]})
    assert (shop.customer("c").interactions, shop.traits("c")) == (1, {})


@pytest.mark.parametrize(
    ("rating", "reason"),
    [(4.5, ""), ("4.5", ""), (0, ""), ("five", "bad_amount"), (-1, "bad_amount"), (101, "amount_out_of_range")],
)
def test_a_rating_is_a_number_from_0_to_100(rating: Any, reason: str) -> None:
    shop = Shop()
    event = {"event_id": "e-1", "customer_id": "c", "occurred_at": TIME, "type": "review_posted", "rating": rating}
    shop.send("interactions", "c", event)
    assert [dead_letter["reason"] for dead_letter in shop.dead_letters] == ([reason] if reason else [])


def test_traits_within_bounds_are_the_same_object() -> None:
    traits = {"a": 1}
    assert within_bounds(traits) is traits


def test_one_trait_may_fill_all_four_kilobytes() -> None:
    full = {"n": "é" * ((MAX_TRAITS_BYTES - len('{"n":""}')) // 2)}
    assert within_bounds(full) == full
    assert within_bounds({**full, "m": 1}) == full
    assert within_bounds({"n": full["n"] + "é", "m": 1}) == {"m": 1}


def test_context_traits_are_chosen_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_CONTEXT_TRAITS", "locale, timezone")
    assert Settings().context_traits == ("locale", "timezone")
    monkeypatch.setenv("STREAM_SEG_CONTEXT_TRAITS", ",")
    assert Settings().context_traits == ()
    monkeypatch.setenv("STREAM_SEG_CONTEXT_TRAITS", "geo.planet")
    with pytest.raises(ValueError, match=r"CONTEXT_TRAITS names 'geo.planet', which is unknown"):
        Settings()
