"""Tests of ambiguous records: a refund like an order, a date like epoch seconds, a number with odd spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.contracts import reasons
from stream_seg.contracts.decode import Decoded, Decoder
from stream_seg.contracts.mapping.convert import TimeForm, moment
from stream_seg.contracts.moments import seconds_of, stamp
from stream_seg.contracts.reasons import Refused
from stream_seg.contracts.routing import routed
from tests.unit.contracts.test_formats import SHOPIFY_ORDER, SHOPIFY_REFUND

NOW = 1_800_000_000.0
ORDER = {"event_id": "e-1", "customer_id": "c", "occurred_at": 1_700_000_000, "order_id": "o-1", "amount": 40}


def decoded(event: dict[str, Any]) -> Decoded:
    """Decode one record of purchases."""
    return Decoder("purchases").decode([json.dumps(event).encode()], [b"c"], NOW)


@pytest.mark.parametrize("name", ["Partial Refund", "order_returned", "Payment Failed", "Product Viewed"])
@pytest.mark.parametrize("field", ["event", "event_name"])
def test_an_event_without_the_name_of_a_purchase_is_never_an_order(field: str, name: str) -> None:
    (rejected,) = decoded({**ORDER, field: name}).rejected
    assert rejected.reason == reasons.UNKNOWN_TYPE


def test_a_null_field_does_not_hide_its_alias() -> None:
    found = decoded({**ORDER, "type": "refund", "amount": None, "value": 3})
    assert (found.events[0]["type"], found.amounts) == ("order_refunded", [300])


def test_empty_text_is_not_an_amount() -> None:
    call = {"type": "track", "event": "Order Completed", "messageId": "m", "userId": "c", "timestamp": 1_700_000_000}
    assert decoded({**call, "properties": {"order_id": "o", "revenue": "", "total": "25.5"}}).amounts == [2550]


def test_an_absurd_shopify_refund_is_a_bad_amount_on_every_path() -> None:
    absurd = {**SHOPIFY_REFUND, "transactions": [{"kind": "refund", "status": "success", "amount": 10**400}]}
    order = {**SHOPIFY_ORDER, "refunds": [absurd]}
    with pytest.raises(Refused) as refused:
        routed(order)
    assert refused.value.reason == reasons.BAD_AMOUNT
    (rejected,) = decoded(order).rejected
    assert rejected.reason == reasons.BAD_AMOUNT


def test_a_shopify_refund_below_its_adjustments_is_ignored() -> None:
    lines = {"refund_line_items": [{"subtotal": 10, "total_tax": 0}], "order_adjustments": [{"amount": 15}]}
    parts = routed({**SHOPIFY_ORDER, "refunds": [{**SHOPIFY_REFUND, "transactions": [], **lines}]})
    assert [part.topic for part in parts] == ["purchases"]
    assert len(parts) == 1


def test_a_cloudevent_supplies_the_type_that_its_data_lacks() -> None:
    data = {"type": "online", "customer_id": "c", "order_id": "o", "amount": 5}
    envelope = {"specversion": "1.0", "id": "1", "source": "/shop", "time": "2025-01-01T00:00:00Z", "data": data}
    (part,) = routed({**envelope, "type": "com.shop.order.completed"})
    assert part.topic == "purchases"
    (other,) = routed({**envelope, "type": "com.shop.something", "data": {**data, "type": "gift_wrapped"}})
    assert other.topic == "interactions"


@pytest.mark.parametrize("text", ["2025", "20250131", "202501311800", "20250131180059", "17000000001"])
def test_digits_that_may_be_a_date_are_not_epoch_seconds(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        seconds_of(text)
    assert stamp(text) == text
    with pytest.raises(Refused) as refused:
        moment(text, TimeForm())
    assert refused.value.reason == reasons.BAD_TIME


def test_digits_of_each_unit_are_read() -> None:
    assert seconds_of("1700000000") == 1_700_000_000.0
    assert stamp("1700000000123") == 1_700_000_000.123
    assert stamp("1700000000123456") == 1_700_000_000.123456
