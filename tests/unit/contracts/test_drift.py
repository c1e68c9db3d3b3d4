"""Tests of drift events: written, read back, and refused in one line if invalid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from stream_seg.contracts.drift import SegmentDrift, parse_drift

SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "segment-drift.json"
EVENT = {
    "model_version": 12,
    "occurred_at": "2025-07-07T00:00:00Z",
    "detected_at": "2026-11-21T22:40:07Z",
    "since": "2025-07-01T00:00:00Z",
    "segments": ["b3"],
    "findings": [
        {
            "what": "share",
            "segment": "b3",
            "name": "Regular shoppers",
            "before": 0.279,
            "after": 0.224,
            "since": "2025-07-01T00:00:00Z",
            "samples_before": 9_216,
            "samples_after": 2_304,
        }
    ],
}


def test_a_drift_event_survives_json() -> None:
    event = SegmentDrift.model_validate(EVENT)
    assert parse_drift(event.dumps()) == event
    assert event.dimension == "behavior"
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(event.dumps()))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"findings": []}, "findings"), ({"model_version": 0}, "model_version"), ({"since": None}, "since")],
)
def test_an_invalid_drift_event_is_refused_in_one_line(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field) as refused:
        parse_drift(json.dumps(EVENT | wrong).encode())
    assert "\n" not in str(refused.value)
