"""Tests of the fields of events."""

from __future__ import annotations

import pytest

from stream_seg.contracts.event_fields import all_fields, fields_of, needed_fields, topic_of_type


def test_kinds_of_fields() -> None:
    assert fields_of("purchases")["amount"] == "number"
    assert fields_of("purchases")["items"] == "items"
    assert fields_of("interactions")["occurred_at"] == "time"
    assert fields_of("profiles")["traits"] == "object"
    assert {name for name, kind in all_fields().items() if kind == "text"} >= {"event_id", "customer_id", "order_id"}
    assert "amount" not in fields_of("interactions")


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("order_completed", "purchases"),
        ("purchase", "purchases"),
        ("identify", "profiles"),
        ("Identify", "profiles"),
        ("page_viewed", "interactions"),
        ("gift_wrapped", "interactions"),
    ],
)
def test_topics_of_types(kind: str, topic: str) -> None:
    assert topic_of_type(kind) == topic


def test_required_fields() -> None:
    assert needed_fields("purchases", "order_completed") == ("customer_id", "occurred_at", "order_id", "amount")
    assert needed_fields("purchases", "order_cancelled") == ("customer_id", "occurred_at", "order_id")
    assert needed_fields("profiles", "identify") == ("customer_id", "occurred_at")
