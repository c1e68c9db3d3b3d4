"""Tests that decoding never raises, for any JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.reasons import SENTENCES, Refused
from stream_seg.contracts.routing import Routed, members, routed
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT
from tests.unit.contracts.test_formats import CLOUDEVENT, PAGEVIEW, SHOPIFY_ORDER, WOO_ORDER

NAMES = [
    "event_id",
    "customer_id",
    "type",
    "occurred_at",
    "channel",
    "properties",
    "order_id",
    "amount",
    "currency",
    "items",
    "discount",
    "coupon",
    "product_id",
    "category",
    "value",
    "traits",
    "previous_id",
    "messageId",
    "userId",
    "anonymousId",
    "event",
    "timestamp",
    "products",
    "revenue",
    "event_name",
    "user_id",
    "event_timestamp",
    "params",
    "transaction_id",
    "item_id",
    "quantity",
    "price",
    "platform",
    "context",
    *("originalTimestamp", "sentAt", "receivedAt", "batch", "events", "client_id", "ecommerce", "event_params", "key"),
    *("id", "customer", "line_items", "total_price", "refunds", "transactions", "amount_set", "created_at", "total"),
    *("status", "billing", "customer_id", "cancelled_at", "refund_line_items", "subtotal", "kind", "distinct_id"),
    *("specversion", "source", "data", "schema", "payload", "op", "after", "event_type", "user", "eventn_ctx"),
    *("location", "device", "question", "answer", "rating", "refund_id", "order_at", "batch_event_index", "uuid"),
]
WORDS = [
    "success",
    "refund",
    "$pageview",
    "survey_answered",
    "group",
    "-5,5",
    "undefined",
    "2017-05-09 10:00 UTC",
    "1494352831000",
    "cancelled",
    "",
    "c-1",
    "track",
    "identify",
    "Order Completed",
    "purchase",
    "view_item",
    "alias",
    "2017-05-09",
    "EUR",
    "5",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([*WORDS, "x" * 5000, "2017-05-09T18:00:31Z", "9" * 30, "a\nb", "\x00"]),
    st.sampled_from([0, 1, -1, 10**15, 10**18, 10**400, -(10**400), 0.5, 1e308, float("nan"), float("inf")]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
ENVELOPES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)
STARTS = [
    {},
    {"event_id": "e", "customer_id": "c-1", "occurred_at": 1, "order_id": "o", "amount": 1, "type": "order_completed"},
    {"messageId": "m", "userId": "c-1", "timestamp": 1, "event": "Order Completed", "type": "track"},
    {"user_id": "c-1", "event_name": "purchase", "event_timestamp": 1},
    {**SHOPIFY_ORDER, "customer": {"id": "c-1"}, "currency": "USD"},
    {**WOO_ORDER, "customer_id": "c-1"},
    {**PAGEVIEW, "distinct_id": "c-1"},
    CLOUDEVENT,
    {"batch": [{"messageId": "m", "userId": "c-1", "timestamp": 1, "event": "Order Completed", "type": "track"}]},
    {"client_id": "1.2", "user_id": "c-1", "events": [{"name": "purchase", "params": {}}]},
]
# Refusals that only a worker can make, because they depend on settings, the clock, or the meaning of a time in text.
LEFT_TO_WORKERS = {
    "amount_out_of_range", "currency_without_rate", "unknown_currency", "bad_time", "time_without_offset",
    "time_in_future", "time_before_1970", "missing_field", "wrong_type",
}  # fmt: skip


@pytest.mark.parametrize("topic", ["purchases", "interactions", "profiles"])
@settings(max_examples=50)
@given(events=st.lists(st.builds(dict.__or__, st.sampled_from(STARTS), ENVELOPES) | VALUES, max_size=6))
def test_decoding_never_raises(topic: str, events: list[object]) -> None:
    values = [json.dumps(event).encode() for event in events]
    decoded = Decoder(topic, rates={"EUR": 1e300}).decode(values, [b"c-1"] * len(values), 1_800_000_000.0)
    assert sorted([*decoded.indices, *(r.index for r in decoded.rejected)]) == list(range(len(events)))
    assert len(decoded.events) == len(decoded.times) == len(decoded.indices)
    assert len(decoded.amounts) == (len(decoded.indices) if topic == "purchases" else 0)
    assert all(event["customer_id"] == "c-1" for event in decoded.events)
    assert all(amount >= 0 or amount == ALL_THAT_IS_LEFT for amount in decoded.amounts)
    assert all(r.reason in SENTENCES and r.detail for r in decoded.rejected)


def routed_or_refused(value: Any, received_s: float | None) -> tuple[list[Routed], Refused | None]:
    """Return the events in a value, or its refusal."""
    try:
        return routed(value, received_s=received_s), None
    except Refused as why:
        return [], why


@settings(max_examples=150)
@given(value=st.builds(dict.__or__, st.sampled_from(STARTS), ENVELOPES) | VALUES, received_s=st.none() | st.just(1.5))
def test_routing_raises_only_refusals(value: Any, received_s: float | None) -> None:
    for member in members(value):
        parts, why = routed_or_refused(member, received_s)
        assert why is None or (why.reason in SENTENCES and why.detail)
        assert parts or why is not None or member == [] or list(member.values()) == [[]]
        ids = [(part.customer_id, part.event.get("event_id")) for part in parts if part.event is not member]
        assert len(set(ids)) == len(ids)
        for part in parts:
            records = [json.dumps(part.event).encode()]
            (key,) = [part.customer_id.encode()]
            decoded = Decoder(part.topic, rates={"EUR": 1.0}).decode(records, [key], 1e12)
            # Only a worker checks money and times, because it knows the settings and the clock.
            assert {r.reason for r in decoded.rejected} <= LEFT_TO_WORKERS
