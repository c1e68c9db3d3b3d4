"""Tests of routing the events of a record to their topics."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused
from stream_seg.contracts.routing import Routed, members, routed
from tests.unit.contracts.test_formats import CLOUDEVENT, SHOPIFY_ORDER, SHOPIFY_REFUND, WOO_ORDER

NATIVE = {"event_id": "e-1", "customer_id": "u-1", "occurred_at": 5}
GA4 = {"user_id": "u-1", "event_timestamp": 5}


def call(message: str | None, **more: Any) -> dict[str, Any]:
    """Return a Segment call."""
    return {"messageId": message, "userId": "u-1", "timestamp": "2026-11-20T10:00:00Z", **more}


def refused(value: Any, **options: Any) -> Refused:
    """Return why a value is refused."""
    with pytest.raises(Refused) as why:
        routed(value, **options)
    return why.value


@pytest.mark.parametrize(
    ("value", "topic"),
    [
        ({**NATIVE, "order_id": "o", "amount": "5"}, "purchases"),
        ({**NATIVE, "type": "purchase", "order_id": "o", "amount": 5}, "purchases"),
        ({**NATIVE, "type": "order_refunded", "order_id": "o"}, "purchases"),
        ({**NATIVE, "type": "view_item"}, "interactions"),
        ({**NATIVE, "type": "survey_answered", "question": "nps", "answer": 9}, "interactions"),
        ({**NATIVE, "type": "identify", "traits": {}}, "profiles"),
        (call("m", type="track", event="Completed Order", properties={"order_id": 1, "total": "5"}), "purchases"),
        (call("m", type="track", event="Video Watched"), "interactions"),
        (call("m", type="page"), "interactions"),
        (call("m", type="group", groupId="g"), "profiles"),
        ({**GA4, "event_name": "purchase", "params": {"transaction_id": "t", "value": 1}}, "purchases"),
        ({**GA4, "event_name": "view_item"}, "interactions"),
        (CLOUDEVENT, "purchases"),
    ],
)
def test_a_record_that_a_worker_can_read_stays_unchanged(value: dict[str, Any], topic: str) -> None:
    (part,) = routed(value)
    assert (part.topic, part.customer_id) == (topic, "u-1")
    assert part.event is value


def test_a_customer_id_that_is_a_number_becomes_a_key() -> None:
    (part,) = routed({**NATIVE, "customer_id": 70123, "order_id": "o", "amount": 5})
    assert part.customer_id == "70123"


def test_a_shopify_order_with_refunds_becomes_several_events() -> None:
    second = {**SHOPIFY_REFUND, "id": 902, "transactions": [], "refund_line_items": [{"subtotal": 2.4, "total_tax": 0}]}
    third = {**SHOPIFY_REFUND, "id": 903, "transactions": [], "refund_line_items": []}
    pending = {**SHOPIFY_REFUND, "id": 904, "transactions": [{"kind": "refund", "status": "pending", "amount": "1"}]}
    parts = routed({**SHOPIFY_ORDER, "refunds": [SHOPIFY_REFUND, second, third, pending]})
    assert {(part.topic, part.customer_id) for part in parts} == {("purchases", "8842")}
    events = [part.event for part in parts]
    assert [(event["type"], event["amount"], event.get("refund_id")) for event in events] == [
        ("order_completed", 62.4, None),
        ("order_refunded", 40.0, "901"),
        ("order_refunded", 2.4, "902"),
    ]
    assert {event["order_id"] for event in events} == {"5501"}
    assert [event["event_id"] for event in events] == [
        "shopify/order/5501/2026-11-20T11:00:03+01:00",
        "shopify/refund/901",
        "shopify/refund/902",
    ]
    assert events[1]["order_at"] == "2026-11-20T10:59:58+01:00"


def test_adjustments_of_a_shopify_refund_without_payments() -> None:
    shipping = [{"kind": "shipping_refund", "amount": "-4.00", "tax_amount": "-1.00"}]
    refund = {**SHOPIFY_REFUND, "transactions": None, "order_adjustments": shipping}
    assert routed({**SHOPIFY_ORDER, "refunds": [refund]})[1].event["amount"] == 45.0
    odd = [{"subtotal": "4,00"}]
    assert refused({**SHOPIFY_ORDER, "refunds": [{**refund, "refund_line_items": odd}]}).reason == "bad_amount"
    assert refused({**SHOPIFY_ORDER, "refunds": [{**SHOPIFY_REFUND, "id": None}]}).reason == "missing_field"


def test_a_cancelled_shopify_order_becomes_an_order_and_a_cancellation() -> None:
    parts = routed({**SHOPIFY_ORDER, "cancelled_at": "2026-11-21T10:00:00Z"})
    assert [part.event["type"] for part in parts] == ["order_completed", "order_cancelled"]


def test_a_woocommerce_order_with_refunds_becomes_several_events() -> None:
    refunds = [{"id": 1, "total": "-5.00"}, {"id": 2, "total": "-1.00"}]
    events = [part.event for part in routed({**WOO_ORDER, "status": "refunded", "refunds": refunds})]
    assert [(event["event_id"], event["type"], event["amount"]) for event in events] == [
        ("woocommerce/order/727/2026-11-21T10:00:00", "order_completed", 29.35),
        ("woocommerce/refund/1", "order_refunded", 5.0),
        ("woocommerce/refund/2", "order_refunded", 1.0),
    ]
    assert refused({**WOO_ORDER, "refunds": [{"id": 1}]}).reason == "bad_amount"


def test_a_batch_becomes_its_calls() -> None:
    batch = {
        "sentAt": "2026-11-20T10:00:10Z",
        "context": {"locale": "de-AT", "library": {"name": "x"}},
        "batch": [
            call("m-1", type="track", event="Product Viewed", context={"locale": "en-GB"}),
            call("m-2", type="identify", traits={"plan": "gold"}),
            {"event": "$pageview", "distinct_id": "u-2", "timestamp": "2026-11-20T10:00:00Z", "uuid": "p-1"},
        ],
    }
    parts = routed(batch)
    assert [(part.topic, part.customer_id) for part in parts] == [
        ("interactions", "u-1"),
        ("profiles", "u-1"),
        ("interactions", "u-2"),
    ]
    assert parts[0].event["context"] == {"locale": "en-GB", "library": {"name": "x"}}
    assert parts[1].event["sentAt"] == "2026-11-20T10:00:10Z"


def test_a_bad_call_does_not_affect_others_of_its_batch() -> None:
    batch = {"batch": [call("m-1", type="page"), {"anonymousId": "a", "type": "page"}, 5, call("m-2", type="page")]}
    why = refused(batch)
    assert (why.reason, why.detail[:22]) == ("missing_field", "Member 1 of the batch:")
    found: list[str] = []
    for member in members(batch):
        try:
            found += [part.event["messageId"] for part in routed(member)]
        except Refused as each:
            found.append(each.reason)
    assert found == ["m-1", "missing_field", "not_an_object", "m-2"]


def test_calls_without_ids_get_unique_and_repeatable_ids() -> None:
    batch = {"batch": [call(None, type="page"), call(None, type="page"), call(None, type="page", name="Home")]}
    ids = [part.event["messageId"] for part in routed(batch)]
    assert len(set(ids)) == 3
    assert [part.event["messageId"] for part in routed(batch)] == ids


def test_a_body_of_the_measurement_protocol_becomes_its_events() -> None:
    body = {
        "client_id": "1.2",
        "user_id": "u-1",
        "timestamp_micros": "1795168800000000",
        "events": [
            {"name": "view_item", "params": {"items": [{"item_id": "A"}]}},
            {"name": "view_item", "params": {"items": [{"item_id": "A"}]}},
            {"name": "purchase", "params": {"transaction_id": "T", "value": 5}, "timestamp_micros": 1795168801000000},
        ],
    }
    parts = routed(body)
    assert [part.topic for part in parts] == ["interactions", "interactions", "purchases"]
    assert len(members(body)) == 3
    assert refused({**body, "user_id": None}).reason == "missing_field"
    del body["timestamp_micros"]
    assert refused(body).reason == "missing_field"
    late = routed(body, received_s=1795168900.5)
    assert [part.event["occurred_at"] for part in late[:2]] == [1795168900.5] * 2
    assert len({part.event["event_id"] for part in late[:2]}) == 2


def test_a_call_without_a_time_gets_that_of_its_receipt() -> None:
    (part,) = routed({"messageId": "m-1", "userId": "u-1", "type": "page"}, received_s=7.5)
    assert (part.event["event_id"], part.event["occurred_at"]) == ("m-1", 7.5)
    one, other = (routed({"userId": "u-1", "type": "page"}, received_s=at)[0].event for at in (7.5, 8.5))
    assert one["event_id"] != other["event_id"]
    native = {"event_id": "e-1", "customer_id": "u-1", "type": "page_viewed"}
    assert refused(native, received_s=7.5).detail == "occurred_at is missing."


def test_the_refusal_of_a_record_gives_the_reason() -> None:
    assert refused(5).reason == "not_an_object"
    assert refused({}).reason == "missing_field"
    assert refused({**NATIVE, "customer_id": "guest", "type": "page_viewed"}).reason == "placeholder_id"
    assert routed({**NATIVE, "customer_id": "guest", "type": "page_viewed"}, Placeholders(()))[0].customer_id == "guest"
    assert refused(SHOPIFY_REFUND).reason == "unsupported_format"
    assert refused({**NATIVE, "type": "alias", "previous_id": "x"}).reason == "not_supported_yet"
    deep: Any = 1
    for _ in range(5_000):
        deep = {"a": deep}
    assert refused({**NATIVE, "type": "page_viewed", "properties": deep}).reason == "too_deep"
    assert members({"batch": [deep]}) == [{"batch": [deep]}]


def test_an_array_is_a_batch() -> None:
    event = {**NATIVE, "type": "page_viewed"}
    assert routed([event, event]) == [Routed("interactions", "u-1", event)] * 2
