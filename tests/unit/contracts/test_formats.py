"""Tests of foreign formats: each record becomes an event of its topic, or a dead letter that names the format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.contracts.decode import Decoded, Decoder
from stream_seg.contracts.formats import FORMATS, format_of

NOW = 1_800_000_000.0

SHOPIFY_ORDER: dict[str, Any] = {
    "id": 5501,
    "admin_graphql_api_id": "gid://shopify/Order/5501",
    "created_at": "2026-11-20T11:00:00+01:00",
    "processed_at": "2026-11-20T10:59:58+01:00",
    "updated_at": "2026-11-20T11:00:03+01:00",
    "cancelled_at": None,
    "financial_status": "paid",
    "source_name": "web",
    "test": False,
    "currency": "EUR",
    "total_price": "62.40",
    "total_discounts": "5.00",
    "discount_codes": [{"code": "TEN", "amount": "5.00"}],
    "customer_locale": "de-AT",
    "user_id": None,
    "customer": {"id": 8842, "default_address": {"country": "Austria", "city": "Linz"}},
    "billing_address": {"country": "Austria", "country_code": "AT", "province": "Styria", "city": "Graz"},
    "line_items": [
        {"id": 1, "product_id": 71, "title": "Teapot", "price": "40.00", "quantity": 1},
        {"id": 2, "product_id": None, "title": "Gift wrap", "price": "2.40", "quantity": 1},
    ],
    "refunds": [],
}
SHOPIFY_REFUND: dict[str, Any] = {
    "id": 901,
    "order_id": 5501,
    "created_at": "2026-11-22T09:00:00+01:00",
    "processed_at": "2026-11-22T09:00:00+01:00",
    "user_id": 77,
    "refund_line_items": [{"quantity": 1, "subtotal": 40.0, "total_tax": 0.0, "line_item": {"id": 1}}],
    "order_adjustments": [],
    "transactions": [
        {"id": 3, "kind": "refund", "status": "success", "amount": "40.00", "currency": "EUR"},
        {"id": 4, "kind": "refund", "status": "failure", "amount": "40.00", "currency": "EUR"},
    ],
}
WOO_ORDER: dict[str, Any] = {
    "id": 727,
    "parent_id": 0,
    "status": "processing",
    "currency": "USD",
    "date_created": "2026-11-20T11:00:00",
    "date_created_gmt": "2026-11-20T10:00:00",
    "date_modified_gmt": "2026-11-21T10:00:00",
    "discount_total": "0.00",
    "total": "29.35",
    "customer_id": 26,
    "order_key": "wc_order_58d2d042d1d",
    "billing": {"country": "US", "state": "CA", "city": "San Francisco"},
    "line_items": [{"id": 315, "product_id": 93, "quantity": 2, "price": 10, "total": "20.00"}],
    "coupon_lines": [],
    "refunds": [],
}
PAGEVIEW: dict[str, Any] = {
    "event": "$pageview",
    "uuid": "0193-aa",
    "distinct_id": "u-1",
    "timestamp": "2026-11-20T10:00:00.000Z",
    "properties": {"$current_url": "https://shop.example/", "$device_id": "0193-dev", "$device_type": "Mobile"},
}
JITSU: dict[str, Any] = {
    "event_type": "pageview",
    "src": "jitsu",
    "eventn_ctx_event_id": "ev-1",
    "utc_time": "2026-11-20T10:00:00.000000Z",
    "user": {"id": "u-1", "anonymous_id": "a-1", "email": "a@shop.example"},
}
CLOUDEVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "/orders",
    "type": "com.shop.order.completed.v1",
    "time": "2026-11-20T10:00:00Z",
    "data": {"customer_id": "u-1", "order_id": "o-1", "amount": 12.5},
}


def decode(topic: str, record: Any, key: str = "u-1") -> Decoded:
    """Decode one record."""
    decoder = Decoder(topic, rates={"EUR": 2.0})
    return decoder.decode([json.dumps(record).encode()], [key.encode()], NOW)


def event_of(topic: str, record: Any, key: str = "u-1") -> dict[str, Any]:
    """Return the event, which must be valid, without null fields."""
    decoded = decode(topic, record, key)
    assert decoded.rejected == []
    return decoded.events[0]


def refusal(topic: str, record: Any, key: str = "u-1") -> tuple[str, str]:
    """Return reason and detail of the refusal."""
    (rejected,) = decode(topic, record, key).rejected
    return rejected.reason, rejected.detail


# Shopify


def test_a_shopify_order_is_a_purchase() -> None:
    decoded = decode("purchases", SHOPIFY_ORDER, "8842")
    assert decoded.rejected == []
    assert (decoded.times, decoded.amounts) == ([1795168798.0], [124_80])
    event = decoded.events[0]
    del event["context"]
    assert event == {
        "event_id": "shopify/order/5501/2026-11-20T11:00:03+01:00",
        "customer_id": "8842",
        "occurred_at": "2026-11-20T10:59:58+01:00",
        "updated_at": 1795168803.0,
        "type": "order_completed",
        "channel": "web",
        "order_id": "5501",
        "currency": "EUR",
        "amount": 62.4,
        "discount": 5.0,
        "coupon": "TEN",
        "items": [{"product_id": "71", "price": 40.0, "quantity": 1}, {"price": 2.4, "quantity": 1}],
        "traits": {"geo.country": "Austria", "geo.city": "Graz"},
    }


def test_a_cancelled_shopify_order_is_a_cancellation() -> None:
    cancelled = {**SHOPIFY_ORDER, "cancelled_at": "2026-11-21T10:00:00Z", "refunds": [SHOPIFY_REFUND]}
    event = event_of("purchases", cancelled, "8842")
    assert (event["type"], event["order_id"], event["amount"]) == ("order_cancelled", "5501", 62.4)


def test_a_shopify_order_with_refunds_goes_through_the_intake() -> None:
    reason, detail = refusal("purchases", {**SHOPIFY_ORDER, "refunds": [SHOPIFY_REFUND]}, "8842")
    assert reason == "unsupported_format"
    assert "Shopify order with 1 refunds" in detail
    assert "`stream-seg intake`" in detail


def test_shopify_orders_without_an_account_and_test_orders_are_refused() -> None:
    assert refusal("purchases", {**SHOPIFY_ORDER, "customer": None}) == (
        "missing_field",
        "customer is missing. This Shopify order was placed without an account, so it belongs to no customer.",
    )
    assert refusal("purchases", {**SHOPIFY_ORDER, "test": True})[0] == "unsupported_format"


def test_a_shopify_refund_without_its_order_is_refused() -> None:
    reason, detail = refusal("purchases", SHOPIFY_REFUND, "77")
    assert reason == "unsupported_format"
    assert detail.startswith("The record is a Shopify refund, which names no customer because its user_id")
    assert "`stream-seg intake`" in detail


# WooCommerce


def test_a_woocommerce_order_is_a_purchase() -> None:
    decoded = decode("purchases", WOO_ORDER, "26")
    assert decoded.rejected == []
    assert (decoded.times, decoded.amounts) == ([1795168800.0], [29_35])
    event = decoded.events[0]
    assert (event["customer_id"], event["order_id"], event["type"]) == ("26", "727", "order_completed")
    assert event["items"] == [{"product_id": "93", "price": 10.0, "quantity": 2.0}]
    assert event["traits"] == {"geo.country": "US", "geo.city": "San Francisco"}
    cancelled = event_of("purchases", {**WOO_ORDER, "status": "cancelled"}, "26")
    assert (cancelled["type"], cancelled["occurred_at"]) == ("order_cancelled", "2026-11-21T10:00:00Z")


def test_woocommerce_orders_without_an_account_or_not_placed_are_refused() -> None:
    reason, detail = refusal("purchases", {**WOO_ORDER, "customer_id": 0}, "0")
    assert (reason, "WooCommerce" in detail) == ("placeholder_id", True)
    for status in ("pending", "failed", "trash", "checkout-draft", None):
        reason, detail = refusal("purchases", {**WOO_ORDER, "status": status}, "26")
        assert (reason, "order that is not placed" in detail) == ("unsupported_format", True)
    refunded = {**WOO_ORDER, "refunds": [{"id": 1, "total": "-5.00"}]}
    assert "`stream-seg intake`" in refusal("purchases", refunded, "26")[1]


def test_a_woocommerce_time_without_gmt_has_no_offset() -> None:
    order = {**WOO_ORDER, "date_created_gmt": None}
    assert refusal("purchases", order, "26")[0] == "missing_field"


# PostHog, Jitsu


def test_a_posthog_page_view() -> None:
    event = event_of("interactions", PAGEVIEW)
    assert (event["event_id"], event["type"], event["customer_id"]) == ("0193-aa", "page_viewed", "u-1")
    assert event["traits"] == {"device.type": "Mobile"}
    named = {**PAGEVIEW, "event": "order completed", "properties": {"order_id": "o-1", "revenue": 3}}
    assert event_of("purchases", named)["amount"] == 3.0


def test_an_anonymous_posthog_visitor_is_refused() -> None:
    for more in ({"$device_id": "u-1"}, {"$is_identified": False}, {"$process_person_profile": False}):
        reason, detail = refusal("interactions", {**PAGEVIEW, "properties": {**PAGEVIEW["properties"], **more}})
        assert (reason, "an anonymous visitor" in detail) == ("missing_field", True)
    known = {**PAGEVIEW, "distinct_id": "0193-dev", "properties": {**PAGEVIEW["properties"], "$user_id": "u-1"}}
    assert event_of("interactions", known)["customer_id"] == "u-1"


def test_internal_events_of_posthog_are_refused() -> None:
    for name in ("$autocapture", "$pageleave", "$feature_flag_called"):
        reason, detail = refusal("interactions", {**PAGEVIEW, "event": name})
        assert (reason, "PostHog" in detail) == ("unknown_type", True)


def test_a_posthog_identification_sets_traits() -> None:
    call = {**PAGEVIEW, "event": "$identify", "properties": {"$set": {"plan": "gold"}}}
    assert event_of("profiles", call)["traits"] == {"plan": "gold"}


def test_jitsu_classic() -> None:
    event = event_of("interactions", JITSU)
    assert (event["event_id"], event["type"], event["customer_id"]) == ("ev-1", "page_viewed", "u-1")
    assert event_of("profiles", {**JITSU, "event_type": "user_identify"})["traits"] == {"email": "a@shop.example"}
    assert refusal("interactions", {**JITSU, "user": {"anonymous_id": "a-1"}})[0] == "missing_field"


# Envelopes around events


def test_a_cloudevent_supplies_id_type_and_time() -> None:
    event = event_of("purchases", CLOUDEVENT)
    assert event == {
        "event_id": "/orders/A-1",
        "customer_id": "u-1",
        "occurred_at": "2026-11-20T10:00:00Z",
        "type": "order_completed",
        "order_id": "o-1",
        "amount": 12.5,
    }


@pytest.mark.parametrize(
    ("kind", "native"),
    [
        ("com.shop.product.viewed", "product_viewed"),
        ("shop.ProductViewed", "product_viewed"),
        ("com.shop.product.added.to.wishlist.v2", "wishlist_added"),
        ("page_view", "page_viewed"),
    ],
)
def test_types_of_cloudevents(kind: str, native: str) -> None:
    assert event_of("interactions", {**CLOUDEVENT, "type": kind})["type"] == native


def test_a_cloudevent_may_hold_an_event_in_any_format() -> None:
    segment = {"messageId": "m-1", "userId": "u-1", "event": "Product Viewed", "timestamp": 1795168800}
    assert event_of("interactions", {**CLOUDEVENT, "type": "x", "data": segment})["event_id"] == "m-1"
    assert event_of("purchases", {**CLOUDEVENT, "type": "x", "data": WOO_ORDER}, "26")["order_id"] == "727"
    typed = {**CLOUDEVENT, "type": "x", "data": {**CLOUDEVENT["data"], "type": "order_refunded"}}
    assert event_of("purchases", typed)["type"] == "order_refunded"


def test_the_detail_for_an_incomplete_cloudevent_names_the_format() -> None:
    for more in ({"type": "com.shop.stock.changed"}, {"data": "PHg+"}, {"data": None}):
        assert "CloudEvent" in refusal("purchases", {**CLOUDEVENT, **more})[1]


def test_a_kafka_connect_value_is_unwrapped() -> None:
    native = {"event_id": "e", "customer_id": "u-1", "occurred_at": 5, "order_id": "o", "amount": 1}
    assert event_of("purchases", {"schema": {"type": "struct"}, "payload": native})["event_id"] == "e"
    assert event_of("purchases", {"schema": None, "payload": CLOUDEVENT})["order_id"] == "o-1"
    deep: dict[str, Any] = native
    for _ in range(5):
        deep = {"schema": None, "payload": deep}
    assert refusal("purchases", deep)[0] == "unsupported_format"


# Formats that dead letters name

CHANGE = {"before": None, "after": {"id": 1}, "op": "c", "ts_ms": 1, "source": {"table": "orders"}}


@pytest.mark.parametrize(
    ("record", "name", "advice"),
    [
        (CHANGE, 'Debezium change of the table "orders"', "mapping"),
        ({"schema": {}, "payload": CHANGE}, "Debezium change", "mapping"),
        ({"id": 1, "customer_id": "u-1", "__op": "u", "__deleted": "false"}, "Debezium change", "mapping"),
        ({"batch": [{"type": "track"}], "sentAt": "2026-11-20T10:00:00Z"}, "batch of 1 calls", "intake"),
        ({"client_id": "1.2", "events": [{"name": "purchase"}]}, "GA4's Measurement Protocol", "intake"),
        ({"event": "Bought", "properties": {"time": 1, "distinct_id": "u-1", "token": "t"}}, "Mixpanel", "native"),
        ({"event_type": "Bought", "user_id": "u-1", "event_properties": {}}, "Amplitude", "native"),
        ({"event_id": "e", "event_name": "page_view", "collector_tstamp": "x"}, "Snowplow", "native"),
        ({"object": "event", "type": "charge.refunded", "data": {"object": {}}}, "Stripe", "native"),
        ({"scope": "store/order/created", "data": {"id": 1}}, "BigCommerce", "fetched"),
        ({"id": 1, "admin_graphql_api_id": "gid://shopify/Customer/1"}, "Shopify webhook", "orders/create"),
        ({"token": "t", "line_items": []}, "Shopify webhook", "orders/create"),
        ({"id": 1, "amount": "5.00", "reason": "", "refunded_by": 1}, "WooCommerce refund", "order.updated"),
        ({"order_edit": {"id": 1}}, "Shopify webhook", "orders/create"),
    ],
)
@pytest.mark.parametrize("topic", ["purchases", "interactions", "profiles"])
def test_a_dead_letter_names_the_format_and_the_remedy(
    topic: str, record: dict[str, Any], name: str, advice: str
) -> None:
    reason, detail = refusal(topic, record)
    assert reason == "unsupported_format"
    assert name in detail
    assert advice in detail


def test_format_names_are_unique() -> None:
    assert len({known.name for known in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize(
    ("record", "name"),
    [(SHOPIFY_ORDER, "Shopify order"), (WOO_ORDER, "WooCommerce order"), (PAGEVIEW, "PostHog event"),
     (JITSU, "Jitsu event"), (SHOPIFY_REFUND, "Shopify refund"), ({"order": 1}, None)],
)  # fmt: skip
def test_a_record_matches_one_format(record: dict[str, Any], name: str | None) -> None:
    known = format_of(record)
    assert (known and known.name) == name
    assert [each.name for each in FORMATS if each.matches(record)][:1] == ([] if name is None else [name])
