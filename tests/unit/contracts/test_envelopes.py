"""Tests of recognizing envelopes, and of envelopes with unusual content."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.contracts.decode import Decoded, Decoder, Rejected

NOW = 1_800_000_000.0
NATIVE = {"event_id": "e-1", "customer_id": "u-1", "occurred_at": 0}
ORDER = {**NATIVE, "order_id": "o-1", "amount": 5}
SEGMENT = {"messageId": "m-1", "userId": "u-1", "timestamp": 0, "properties": {"order_id": "o-1", "revenue": 5}}
GA4 = {"user_id": "u-1", "event_timestamp": 0}
GA4_ROW = {
    "event_name": "purchase",
    "event_timestamp": "1494352831250000",
    "user_id": "u-1",
    "user_pseudo_id": "1.2",
    "platform": "WEB",
    "event_params": [
        {"key": "currency", "value": {"string_value": "EUR", "int_value": None}},
        {"key": "value", "value": {"string_value": None, "int_value": "26"}},
        {"key": "empty"},
        5,
    ],
    "ecommerce": {"transaction_id": "t-1", "purchase_revenue": 25.5, "refund_value": None},
    "items": [{"item_id": "p-1", "item_category": "Games", "price": 12.5, "quantity": 2}],
}
ENVELOPE_IDS = [{"anonymousId": "a"}, {"userId": "x"}, {"messageId": "m"}, {"user_pseudo_id": "1.2"}]


def decode(topic: str, event: dict[str, Any]) -> Decoded:
    """Decode one event of customer u-1."""
    return Decoder(topic, rates={"EUR": 2.0}).decode([json.dumps(event).encode()], [b"u-1"], NOW)


def event_of(topic: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the event, which must be valid."""
    decoded = decode(topic, event)
    assert decoded.rejected == []
    return decoded.events[0]


def rejected(topic: str, event: dict[str, Any]) -> Rejected:
    """Return the reason why it is refused."""
    return decode(topic, event).rejected[0]


@pytest.mark.parametrize("more", ENVELOPE_IDS)
def test_a_complete_native_event_stays_native_beside_foreign_ids(more: dict[str, Any]) -> None:
    why = rejected("purchases", {**ORDER, **more, "items": -1})
    assert (why.reason, why.detail) == ("bad_amount", "items must be greater than or equal to 0 (it is -1).")
    cancelled = {**NATIVE, **more, "type": "order_cancelled", "order_id": "o-1", "channel": "store"}
    event = event_of("purchases", cancelled)
    assert (event["event_id"], event["type"], event["channel"]) == ("e-1", "order_cancelled", "store")
    lines = [{"category": "toys", "quantity": None}]
    assert event_of("purchases", {**ORDER, **more, "type": None, "items": lines})["items"] == [{"category": "toys"}]
    del cancelled["occurred_at"]
    assert rejected("purchases", cancelled).detail == "occurred_at is missing."
    profile = {**NATIVE, **more, "type": "identify", "traits": {"age": [40]}}
    assert rejected("profiles", profile).reason == "wrong_type"


@pytest.mark.parametrize(("field", "mark"), [("event", {"userId": "u-1"}), ("event_name", {"event_timestamp": 0})])
def test_a_refund_with_a_foreign_name_is_never_read_as_an_order(field: str, mark: dict[str, Any]) -> None:
    refund = {**ORDER, field: "Order Refunded", "properties": {"order_id": "o-1", "value": 5}}
    for more in ({}, mark):
        assert event_of("purchases", {**refund, **more})["type"] == "order_refunded"
    for name in ("Summer sale", "Order Refunded"):
        named = {**refund, **mark, field: name, "type": "order_completed"}
        assert event_of("purchases", named)["type"] == "order_completed"


def test_an_envelope_with_native_ids_stays_an_envelope() -> None:
    native = {"event_id": "e", "customer_id": "u-1"}
    assert event_of("purchases", {**SEGMENT, **native, "event": "Order Refunded"})["type"] == "order_refunded"
    assert event_of("purchases", {**SEGMENT, **NATIVE, "event": "Order Refunded"})["type"] == "order_refunded"
    assert event_of("interactions", {**SEGMENT, **native, "type": "page"})["type"] == "page_viewed"
    assert event_of("interactions", {**GA4, **NATIVE, "event_name": "view_item"})["type"] == "product_viewed"


@pytest.mark.parametrize("topic", ["purchases", "interactions"])
@pytest.mark.parametrize(("envelope", "field"), [(SEGMENT, "event"), (GA4, "event_name"), (NATIVE, "type")])
def test_the_event_name_is_text_and_not_empty(topic: str, envelope: dict[str, Any], field: str) -> None:
    why = rejected(topic, {**envelope, field: ""})
    assert (why.reason, why.detail) == ("empty_id", f"{field} is empty.")
    for wrong in (5, True, ["x"], {}):
        why = rejected(topic, {**envelope, field: wrong})
        assert why.reason == "wrong_type"
        assert why.detail.startswith(f"{field} must be a string")


@pytest.mark.parametrize(("envelope", "field"), [(SEGMENT, "event"), (GA4, "event_name"), (NATIVE, "type")])
def test_the_name_of_an_interaction_has_at_most_128_characters(envelope: dict[str, Any], field: str) -> None:
    assert event_of("interactions", {**envelope, field: "x" * 128})["type"] == "x" * 128
    why = rejected("interactions", {**envelope, field: "x" * 129})
    assert why.reason == "id_too_long"
    assert why.detail.startswith('type must have at most 128 characters (it is "xxx')


def test_unused_fields_of_a_segment_call_may_hold_anything() -> None:
    assert event_of("interactions", {**SEGMENT, "type": "page", "event": 5})["type"] == "page_viewed"
    assert event_of("profiles", {**SEGMENT, "type": "identify", "event": "", "traits": {}})["traits"] == {}


@pytest.mark.parametrize(
    ("value", "channel"),
    [
        ("browser", "web"),
        ("mobile", "app"),
        ("ios", "app"),
        *((name, name) for name in ("web", "app", "store", "email", "server")),
    ],
)
def test_a_segment_call_keeps_its_channel(value: str, channel: str) -> None:
    call = {**SEGMENT, "event": "Order Completed", "channel": value}
    assert event_of("purchases", call)["channel"] == channel


def test_a_segment_call_has_a_channel_of_text_or_none() -> None:
    assert "channel" not in event_of("purchases", {**SEGMENT, "event": "Order Completed"})
    assert rejected("purchases", {**SEGMENT, "event": "Order Completed", "channel": 5}).reason == "wrong_type"


@pytest.mark.parametrize("traits", [[], [{"age": 40}], "age", 5, False])
def test_a_segment_call_has_an_object_of_traits_or_none(traits: Any) -> None:
    why = rejected("profiles", {**SEGMENT, "type": "identify", "traits": traits})
    assert (why.reason, why.detail) == ("wrong_type", f"traits must be an object (it is {json.dumps(traits)}).")
    assert event_of("profiles", {**SEGMENT, "type": "identify", "traits": None})["traits"] == {}


def test_a_row_of_ga4_s_export_is_a_purchase() -> None:
    decoded = decode("purchases", GA4_ROW)
    assert decoded.rejected == []
    assert (decoded.times, decoded.amounts) == ([1494352831.25], [5100])
    event = decoded.events[0]
    assert (event["type"], event["order_id"], event["currency"]) == ("order_completed", "t-1", "EUR")
    assert event["items"] == [{"product_id": "p-1", "category": "Games", "price": 12.5, "quantity": 2.0}]
    back = {**GA4_ROW, "event_name": "refund", "ecommerce": {"transaction_id": "t-1", "refund_value": 3}}
    assert decode("purchases", back).amounts == [600]


def test_ga4_s_ecommerce_object_adds_to_the_parameters() -> None:
    event = {**GA4, "event_name": "purchase", "params": {"currency": "EUR"}, "ecommerce": {"transaction_id": "t"}}
    assert rejected("purchases", event).detail == "amount is missing."
    assert event_of("purchases", {**event, "params": {"value": 3}})["order_id"] == "t"
