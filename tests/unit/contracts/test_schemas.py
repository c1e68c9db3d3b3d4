"""Tests that the JSON Schemas under docs/ match the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.events import InteractionName
from stream_seg.contracts.schemas import schemas, write
from stream_seg.core.events.taxonomy import INTERACTIONS

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas"


def test_every_contract_has_a_schema() -> None:
    assert sorted(path.name for path in PUBLISHED.glob("*.json")) == sorted(schemas())


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_schema_is_current(name: str) -> None:
    published = (PUBLISHED / name).read_text(encoding="utf-8")
    assert json.loads(published) == json.loads(schemas()[name]), (
        "the contracts changed: run python -m stream_seg.contracts.schemas docs/schemas"
    )


def test_schemas_are_written_unchanged(tmp_path: Path) -> None:
    write(tmp_path / "schemas")
    assert {path.name: path.read_text() for path in (tmp_path / "schemas").iterdir()} == schemas()


def test_schemas_name_required_fields() -> None:
    purchase = json.loads(schemas()["purchases.json"])["$defs"]["Purchase"]
    assert set(purchase["required"]) == {"event_id", "customer_id", "occurred_at", "order_id", "amount"}
    amount = Draft202012Validator(purchase["properties"]["amount"])
    assert [amount.is_valid(each) for each in (25.5, -25.5, "25.50", "-.5", "25,50", "", None)] == [True] * 4 + [
        False
    ] * 3
    change = json.loads(schemas()["segment-changes.json"])
    assert "from" in change["properties"]
    assert "from_" not in change["properties"]


COMMON = {"event_id": "e", "customer_id": "c", "occurred_at": 0}
ORDER = {**COMMON, "order_id": "o", "amount": 1}
PROFILE = {**COMMON, "type": "identify"}


@pytest.mark.parametrize(
    ("topic", "event", "good"),
    [
        ("purchases", ORDER, True),
        ("purchases", {**ORDER, "type": None}, True),
        ("purchases", {**ORDER, "type": ""}, False),
        ("purchases", {**ORDER, "order_id": None}, False),
        ("purchases", {**ORDER, "items": 3.0}, True),
        ("purchases", {**ORDER, "items": 3.5}, False),
        ("purchases", {**ORDER, "items": "3"}, True),
        ("purchases", {**ORDER, "items": "three"}, False),
        ("purchases", {**ORDER, "event_id": 5, "order_id": 7, "coupon": 2024}, True),
        ("purchases", {**ORDER, "order_id": 7.5}, False),
        ("purchases", {**ORDER, "amount": "25.50", "currency": "usd"}, True),
        ("purchases", {**ORDER, "amount": "25,50"}, False),
        ("purchases", {**ORDER, "amount": -5, "currency": ""}, True),
        ("purchases", {**ORDER, "currency": "US"}, False),
        ("purchases", {**ORDER, "items": [{"quantity": "2", "price": "-9.5"}, {"quantity": -1}]}, True),
        ("purchases", {**ORDER, "items": [{"quantity": "2 pcs"}]}, False),
        ("purchases", {**ORDER, "type": "order_refunded", "amount": None}, True),
        ("purchases", {**ORDER, "amount": None}, False),
        ("purchases", {**ORDER, "refund_id": 7, "order_at": 5}, True),
        ("purchases", {**ORDER, "order_at": True}, False),
        ("purchases", {**ORDER, "items": [{"quantity": None, "price": None, "category": None}]}, True),
        ("purchases", {**ORDER, "items": [{"quantity": 1_000_001}]}, False),
        ("purchases", {**ORDER, "items": [None]}, False),
        ("purchases", {**ORDER, "occurred_at": -1}, False),
        ("purchases", {**ORDER, "type": "order_cancelled", "amount": None}, True),
        ("interactions", {**COMMON, "type": "x" * 128}, True),
        ("interactions", {**COMMON, "type": "x" * 129}, False),
        ("interactions", {**COMMON, "type": ""}, False),
        ("interactions", {**COMMON, "type": None}, False),
        ("interactions", {**COMMON, "type": "product_viewed", "product_id": None, "value": None}, True),
        ("profiles", {**PROFILE, "traits": {"phone": None}}, True),
        ("profiles", {**PROFILE, "traits": {f"t{number}": 1 for number in range(64)}}, True),
        ("profiles", {**PROFILE, "traits": {f"t{number}": 1 for number in range(65)}}, True),
        ("interactions", {**COMMON, "type": "review_posted", "rating": "4.5", "value": "3"}, True),
        ("interactions", {**COMMON, "type": "review_posted", "rating": 101}, False),
        ("interactions", {**COMMON, "type": "survey_answered", "question": "nps", "answer": 9}, True),
        ("profiles", {**PROFILE, "traits": None}, False),
    ],
)
def test_schemas_and_decoder_accept_the_same_events(topic: str, event: dict[str, Any], good: bool) -> None:
    assert Draft202012Validator(json.loads(schemas()[f"{topic}.json"])).is_valid(event) == good
    decoded = Decoder(topic).decode([json.dumps(event).encode()], [b"c"], 1_800_000_000.0)
    assert (decoded.rejected == []) == good


def test_schema_and_core_have_the_same_interactions() -> None:
    assert get_args(InteractionName) == INTERACTIONS
