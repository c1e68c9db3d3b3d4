"""Tests of the Segment envelope and GA4's events, in the form in which they are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.decode import Decoded, Decoder
from stream_seg.contracts.formats.base import flattened

NOW = 1_800_000_000.0

SEGMENT_ORDER = {
    "type": "track",
    "messageId": "m-1",
    "userId": "u-1",
    "event": "Order Completed",
    "timestamp": "2017-05-09T18:00:31.250Z",
    "channel": "browser",
    "context": {"library": {"name": "analytics.js"}},
    "properties": {
        "order_id": "o-1",
        "total": 30.5,
        "revenue": 25.5,
        "currency": "USD",
        "coupon": "MAY",
        "products": [
            {"product_id": "p-1", "category": "Games", "price": 12.5, "quantity": 2, "brand": "x"},
            {"product_id": 7, "price": "0.50", "quantity": None},
        ],
    },
}

GA4_PURCHASE = {
    "event_name": "purchase",
    "user_id": "u-1",
    "event_timestamp": 1494352831250000,
    "params": {
        "transaction_id": "t-1",
        "value": 25.5,
        "currency": "USD",
        "items": [{"item_id": "p-1", "item_category": "Games", "price": 12.5, "quantity": 2}],
    },
}

NATIVE = {"event_id": "e-1", "customer_id": "u-1", "occurred_at": 0}


def decode(topic: str, *events: dict[str, Any]) -> Decoded:
    """Decode events of customer u-1."""
    return Decoder(topic).decode([json.dumps(event).encode() for event in events], [b"u-1"] * len(events), NOW)


def event_of(topic: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the only event, which must be valid."""
    decoded = decode(topic, event)
    assert decoded.rejected == []
    return decoded.events[0]


def reason_of(topic: str, event: dict[str, Any]) -> str:
    """Return the reason why the only event is refused."""
    return decode(topic, event).rejected[0].reason


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the event without some fields."""
    return {name: value for name, value in event.items() if name not in names}


def test_a_segment_order_becomes_a_purchase() -> None:
    decoded = decode("purchases", SEGMENT_ORDER)
    assert (decoded.times, decoded.amounts) == ([1494352831.25], [2550])
    event = without(decoded.events[0], "properties", "context")
    assert event == {
        "event_id": "m-1",
        "customer_id": "u-1",
        "type": "order_completed",
        "occurred_at": "2017-05-09T18:00:31.250Z",
        "channel": "web",
        "order_id": "o-1",
        "amount": 25.5,
        "currency": "USD",
        "coupon": "MAY",
        "items": [
            {"product_id": "p-1", "category": "Games", "price": 12.5, "quantity": 2.0},
            {"product_id": "7", "price": 0.5},
        ],
    }


def test_total_is_the_amount_of_an_order_without_revenue() -> None:
    event = {**SEGMENT_ORDER, "event": "Order Refunded", "properties": {"order_id": "o-1", "total": 30.5}}
    decoded = decode("purchases", event, {**event, "event": "Order Cancelled", "properties": {"order_id": "o-1"}})
    assert [event["type"] for event in decoded.events] == ["order_refunded", "order_cancelled"]
    assert decoded.amounts == [3050, 0]


def test_a_segment_envelope_needs_no_type() -> None:
    assert event_of("purchases", without(SEGMENT_ORDER, "type"))["type"] == "order_completed"


def test_segment_interactions() -> None:
    viewed = {**SEGMENT_ORDER, "event": "Product Viewed"}
    viewed["properties"] = {"product_id": "p-1", "category": "Games", "price": 12.5}
    event = event_of("interactions", viewed)
    assert without(event, "properties", "channel", "context") == {
        "event_id": "m-1",
        "customer_id": "u-1",
        "type": "product_viewed",
        "occurred_at": "2017-05-09T18:00:31.250Z",
        "product_id": "p-1",
        "category": "Games",
        "value": 12.5,
    }
    assert event_of("interactions", {**viewed, "type": "page", "event": None})["type"] == "page_viewed"
    assert event_of("interactions", {**viewed, "event": "Video Watched"})["type"] == "Video Watched"


def test_segment_identify_keeps_scalars_and_flattens_objects() -> None:
    traits = {"age": 40, "address": {"city": "Bonn", "geo": {"lat": 50.7}}, "tags": ["a", "b"]}
    event = event_of("profiles", {**SEGMENT_ORDER, "type": "identify", "traits": traits})
    assert event["type"] == "identify"
    assert event["traits"] == {"age": 40, "address.city": "Bonn", "address.geo.lat": 50.7}
    assert flattened({}) == {}


def test_segment_calls_for_another_topic_are_refused() -> None:
    assert reason_of("purchases", {**SEGMENT_ORDER, "event": "Product Viewed"}) == "unknown_type"
    assert reason_of("purchases", {**SEGMENT_ORDER, "type": "identify"}) == "unknown_type"
    assert reason_of("interactions", {**SEGMENT_ORDER, "type": "identify"}) == "unknown_type"
    assert reason_of("profiles", SEGMENT_ORDER) == "unknown_type"
    assert reason_of("profiles", {**SEGMENT_ORDER, "type": "alias", "previousId": "u-0"}) == "not_supported_yet"


def test_an_anonymous_call_lacks_a_customer() -> None:
    decoded = decode("purchases", {**without(SEGMENT_ORDER, "userId"), "anonymousId": "a-1"})
    assert decoded.rejected[0].reason == "missing_field"
    assert "anonymousId" in decoded.rejected[0].detail
    assert reason_of("purchases", {**without(GA4_PURCHASE, "user_id"), "user_pseudo_id": "1.2"}) == "missing_field"


def test_envelopes_are_validated_as_strictly_as_events() -> None:
    bad = {**SEGMENT_ORDER, "properties": {"order_id": "o-1", "revenue": "25,50"}}
    assert reason_of("purchases", bad) == "bad_amount"
    assert reason_of("purchases", {**SEGMENT_ORDER, "properties": {"revenue": 25.5}}) == "missing_field"
    assert reason_of("purchases", {**SEGMENT_ORDER, "event": None}) == "missing_field"
    assert reason_of("purchases", {**SEGMENT_ORDER, "timestamp": "2017-05-09"}) == "time_without_offset"
    assert reason_of("purchases", {**GA4_PURCHASE, "event_timestamp": True}) == "wrong_type"


def test_an_envelope_without_an_id_gets_the_same_hash_every_time() -> None:
    anonymous = without(SEGMENT_ORDER, "messageId")
    first = event_of("purchases", anonymous)["event_id"]
    assert first == "hash-0fadd48ead4b6213336534aaff2b875b"  # a hash of user, name, time and order
    assert event_of("purchases", {**anonymous, "context": {}})["event_id"] == first
    for other in ({"timestamp": "2017-05-09T18:00:32Z"}, {"event": "Order Refunded"}):
        assert event_of("purchases", {**anonymous, **other})["event_id"] != first


def test_a_native_event_without_an_id_is_refused() -> None:
    event = {**NATIVE, "event_id": None, "order_id": "o-1", "amount": 1}
    assert reason_of("purchases", event) == "missing_field"
    assert reason_of("purchases", {**event, "type": "purchase"}) == "missing_field"


def test_a_ga4_purchase_becomes_a_purchase() -> None:
    decoded = decode("purchases", GA4_PURCHASE, {**GA4_PURCHASE, "event_name": "refund"})
    assert (decoded.times, decoded.amounts) == ([1494352831.25] * 2, [2550] * 2)
    event = without(decoded.events[0], "properties", "event_id")
    assert event == {
        "customer_id": "u-1",
        "type": "order_completed",
        "occurred_at": 1494352831.25,
        "order_id": "t-1",
        "amount": 25.5,
        "currency": "USD",
        "items": [{"product_id": "p-1", "category": "Games", "price": 12.5, "quantity": 2.0}],
    }
    assert decoded.events[1]["type"] == "order_refunded"
    assert decoded.events[0]["event_id"] != decoded.events[1]["event_id"]


def test_ga4_events_may_have_properties_and_times_as_text() -> None:
    event = {**without(GA4_PURCHASE, "params"), "properties": GA4_PURCHASE["params"], "platform": "IOS"}
    event["event_timestamp"] = "1494352831250000"
    found = event_of("purchases", event)
    assert (found["order_id"], found["occurred_at"], found["channel"]) == ("t-1", 1494352831.25, "app")


def test_a_ga4_view_has_the_product_and_category_of_its_first_item() -> None:
    event = event_of("interactions", {**GA4_PURCHASE, "event_name": "view_item"})
    assert (event["type"], event["product_id"], event["category"]) == ("product_viewed", "p-1", "Games")
    assert event["value"] == 25.5


def test_native_events_may_have_foreign_names() -> None:
    assert event_of("interactions", {**NATIVE, "type": "add_to_cart"})["type"] == "product_added"
    event = {**NATIVE, "type": "purchase", "order_id": "o-1", "amount": 3}
    assert event_of("purchases", event)["type"] == "order_completed"
    event = {**NATIVE, "type": "purchase", "transaction_id": "o-1", "value": 3}
    assert event_of("purchases", event)["amount"] == 3.0


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("purchase", "order_completed"),
        ("refund", "order_refunded"),
        ("Order Completed", "order_completed"),
        ("Order Canceled", "order_cancelled"),
        ("view_item", "product_viewed"),
        ("select_item", "product_clicked"),
        ("search", "products_searched"),
        ("add_to_cart", "product_added"),
        ("remove_from_cart", "product_removed"),
        ("view_cart", "cart_viewed"),
        ("begin_checkout", "checkout_started"),
        ("add_to_wishlist", "wishlist_added"),
        ("Product Added", "product_added"),
        ("Product Removed", "product_removed"),
        ("Products Searched", "products_searched"),
        ("Cart Viewed", "cart_viewed"),
        ("Checkout Started", "checkout_started"),
        ("Product Added to Wishlist", "wishlist_added"),
        ("Email Opened", "email_opened"),
        ("Email Link Clicked", "email_clicked"),
        ("product_viewed", "product_viewed"),
        ("Video Watched", "Video Watched"),
        # names of Segment's first e-commerce specification, and other spellings of the second
        ("Completed Order", "order_completed"),
        ("Refunded Order", "order_refunded"),
        ("canceled order", "order_cancelled"),
        ("Viewed Product", "product_viewed"),
        ("viewedProduct", "product_viewed"),
        ("Viewed Product Category", "page_viewed"),
        ("Viewed Product List", "page_viewed"),
        ("Clicked Product", "product_clicked"),
        ("Searched Products", "products_searched"),
        ("Added Product", "product_added"),
        ("Removed Product", "product_removed"),
        ("Viewed Cart", "cart_viewed"),
        ("Started Checkout", "checkout_started"),
        ("Applied Coupon", "coupon_redeemed"),
        ("Product Reviewed", "review_posted"),
        ("orderCompleted", "order_completed"),
        ("ORDER_COMPLETED", "order_completed"),
        ("order.completed", "order_completed"),
        ("ecommerce_purchase", "order_completed"),
        ("Survey Answered", "survey_answered"),
        ("Order Updated", "order_completed"),
        ("Updated Order", "order_completed"),
        # names with another meaning
        ("Order Started", "Order Started"),
        ("Checkout Step Viewed", "Checkout Step Viewed"),
        ("Product Removed from Wishlist", "Product Removed from Wishlist"),
        ("Coupon Denied", "Coupon Denied"),
        ("add_payment_info", "add_payment_info"),
        ("", ""),
    ],
)
def test_names_become_native_names(name: str, native: str) -> None:
    assert native_name(name) == native
