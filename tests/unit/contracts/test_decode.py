"""Tests of decoded batches of valid events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.contracts.decode import Decoder

NOW = 1_800_000_000.0


def order(**fields: Any) -> dict[str, Any]:
    """Return a completed order of customer c-1."""
    common = {"event_id": "e-1", "customer_id": "c-1", "order_id": "o-1", "occurred_at": 1494352831, "amount": 20}
    return {**common, **fields}


def decode(topic: str, *events: dict[str, Any], **options: Any) -> Any:
    """Decode a batch with matching keys, of which no record may be rejected."""
    values = [json.dumps(event).encode() for event in events]
    decoded = Decoder(topic, **options).decode(values, [event["customer_id"].encode() for event in events], NOW)
    assert decoded.rejected == []
    assert decoded.indices == list(range(len(events)))
    return decoded


def test_purchases_default_to_completed_orders() -> None:
    decoded = decode("purchases", order(), order(type="order_refunded"), order(type=None))
    assert [event["type"] for event in decoded.events] == ["order_completed", "order_refunded", "order_completed"]


def test_a_cancellation_needs_no_amount() -> None:
    cancelled = order(type="order_cancelled")
    del cancelled["amount"]
    decoded = decode("purchases", order(), cancelled, order(type="order_cancelled", amount=5))
    assert decoded.amounts == [2000, 0, 500]


def test_times_may_be_text_or_numbers() -> None:
    moments = ["2017-05-09T18:00:31Z", 1494352831.5, "2017-05-09T20:00:31.750+02:00", 0]
    decoded = decode("purchases", *(order(occurred_at=moment) for moment in moments))
    assert decoded.times == [1494352831.0, 1494352831.5, 1494352831.75, 0.0]
    assert decode("purchases", order(), order(occurred_at=1.5)).times == [1494352831.0, 1.5]


def test_currencies_and_items() -> None:
    lines = [{"product_id": "p", "category": "toys", "quantity": 2, "price": 5.5, "brand": "x"}, {"quantity": None}]
    decoded = decode("purchases", order(currency="EUR", items=lines), order(items=3), rates={"EUR": 1.08})
    assert decoded.amounts == [2160, 2000]
    first, second = decoded.events
    assert first["items"] == [{"product_id": "p", "category": "toys", "quantity": 2.0, "price": 5.5}, {}]
    assert second["items"] == 3


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert decode("purchases", order(items=3.0)).events[0]["items"] == 3


def test_unknown_fields_are_dropped_and_null_fields_are_ignored() -> None:
    decoded = decode("purchases", order(channel=None, coupon=None, warehouse="w-7", properties={"a": [1, {"b": None}]}))
    assert "warehouse" not in decoded.events[0]
    assert decoded.events[0]["properties"] == {"a": [1, {"b": None}]}


def test_interactions_keep_unknown_names() -> None:
    common = {"event_id": "e-1", "customer_id": "c-1", "occurred_at": 0}
    names = ["product_viewed", "view_item", "Product Viewed", "video_watched"]
    decoded = decode("interactions", *({**common, "type": name} for name in names))
    assert [event["type"] for event in decoded.events] == ["product_viewed"] * 3 + ["video_watched"]
    assert decoded.amounts == []


def test_traits_are_scalars_of_any_kind() -> None:
    traits = {"age": 40, "income": 3.5, "name": "Ann", "member": True, "phone": None}
    event = {"event_id": "e-1", "customer_id": "c-1", "occurred_at": 0, "type": "identify", "traits": traits}
    assert decode("profiles", event).events[0]["traits"] == traits


def test_ids_may_be_any_text() -> None:
    ids = ["ü", "日本", "a\nb", '"', "x" * 256, "😀"]
    decoded = decode("purchases", *(order(customer_id=customer) for customer in ids))
    assert [event["customer_id"] for event in decoded.events] == ids


def test_keys_that_are_equal_only_when_joined_are_distinguished() -> None:
    values = [json.dumps(order(customer_id=customer)).encode() for customer in ("a\nb", "c")]
    decoded = Decoder("purchases").decode(values, [b"a", b"b\nc"], NOW)
    assert [r.reason for r in decoded.rejected] == ["key_mismatch", "key_mismatch"]


@pytest.mark.parametrize("n", [0, 1, 2, 1024])
def test_columns_are_aligned(n: int) -> None:
    events = [order(event_id=f"e-{i}", customer_id=f"c-{i % 7}", amount=i, occurred_at=i) for i in range(n)]
    decoded = decode("purchases", *events)
    assert [event["event_id"] for event in decoded.events] == [f"e-{i}" for i in range(n)]
    assert decoded.times == [float(i) for i in range(n)]
    assert decoded.amounts == [100 * i for i in range(n)]


def test_columns_stay_aligned_after_rejections_of_each_step() -> None:
    events = [order(event_id=f"e-{i}", amount=i, occurred_at=i) for i in range(40)]
    events[3]["event_id"] = ""
    events[5]["customer_id"] = "c-2"
    events[7]["occurred_at"] = "2017-05-09"
    events[9]["currency"] = "ZZZ"
    values: list[bytes | None] = [json.dumps(event).encode() for event in events]
    values[11], values[13] = None, b"{"
    decoded = Decoder("purchases").decode(values, [b"c-1"] * len(values), NOW)
    assert [(r.index, r.reason) for r in decoded.rejected] == [
        (3, "empty_id"),
        (5, "key_mismatch"),
        (7, "time_without_offset"),
        (9, "unknown_currency"),
        (11, "null_value"),
        (13, "not_json"),
    ]
    left = [i for i in range(40) if i not in (3, 5, 7, 9, 11, 13)]
    assert decoded.indices == left
    assert [event["event_id"] for event in decoded.events] == [f"e-{i}" for i in left]
    assert decoded.times == [float(i) for i in left]
    assert decoded.amounts == [100 * i for i in left]


def test_each_time_is_compared_with_the_timestamp_of_its_own_record() -> None:
    events = [order(event_id=f"e-{at}", occurred_at=1_000 + at) for at in range(8)]
    events[1]["event_id"] = ""
    values: list[bytes | None] = [json.dumps(event).encode() for event in events]
    values[3] = None
    written = [1_000_000, 0, 700_000, 0, 704_000, 704_999, 0, -1]
    decoded = Decoder("purchases").decode(values, [b"c-1"] * 8, 10_000.0, written)
    assert [(r.index, r.reason) for r in decoded.rejected] == [
        (1, "empty_id"),
        (2, "time_in_future"),
        (3, "null_value"),
        (5, "time_in_future"),
    ]
    assert decoded.rejected[1].detail == "occurred_at 1002.0 is after the time at which the record was written."
    assert decoded.times == [1_000.0, 1_004.0, 1_006.0, 1_007.0]
    late = Decoder("purchases").decode(values, [b"c-1"] * 8, 700.0, [5_000_000] * 8)
    assert late.times == [1_000.0]


def test_a_batch_without_valid_events_is_empty() -> None:
    decoded = Decoder("purchases").decode([None, b"{", b"{}", b"[]"], [b"c-1"] * 4, NOW)
    assert (decoded.indices, decoded.events, decoded.times, decoded.amounts) == ([], [], [], [])
    assert [r.index for r in decoded.rejected] == [0, 1, 2, 3]


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="purchases, interactions, profiles"):
        Decoder("orders")
