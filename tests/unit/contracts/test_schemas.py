"""The JSON Schemas under docs/ are those of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from stream_seg.contracts.events import InteractionName
from stream_seg.contracts.schemas import schemas, write
from stream_seg.core.vocabulary import INTERACTIONS

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas"


def test_there_is_one_for_every_contract() -> None:
    assert sorted(path.name for path in PUBLISHED.glob("*.json")) == sorted(schemas())


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_one_is_the_current_one(name: str) -> None:
    published = (PUBLISHED / name).read_text(encoding="utf-8")
    assert json.loads(published) == json.loads(schemas()[name]), (
        "the contracts changed: run python -m stream_seg.contracts.schemas docs/schemas"
    )


def test_they_are_written_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "schemas")
    assert {path.name: path.read_text() for path in (tmp_path / "schemas").iterdir()} == schemas()


def test_they_say_what_is_required() -> None:
    purchase = json.loads(schemas()["purchases.json"])["$defs"]["Purchase"]
    assert set(purchase["required"]) == {"event_id", "customer_id", "occurred_at", "order_id", "amount"}
    assert purchase["properties"]["amount"]["minimum"] == 0
    change = json.loads(schemas()["segment-changes.json"])
    assert "from" in change["properties"]
    assert "from_" not in change["properties"]


def test_the_vocabulary_of_interactions_is_one() -> None:
    assert get_args(InteractionName) == INTERACTIONS
