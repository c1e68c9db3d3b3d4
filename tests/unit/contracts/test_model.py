"""Tests of model snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile, load_snapshot, parse_snapshot

SNAPSHOT = ModelSnapshot(
    version=3,
    parent=2,
    created_at="2026-11-21T22:40:07.123Z",
    clock=1494352831.25,
    features=["spend_rate", "recency_days"],
    log=[True, False],
    center=[3.0, 10.0],
    scale=[1.5, 7.0],
    centroids=[[0.1, -0.2], [1.0, 2.0]],
    segments=[
        SegmentProfile(id="b0", name="Regulars", share=0.75, customers=75, features={"spend_rate": 41.2}),
        SegmentProfile(id="b1", name="Lapsing", share=0.25, customers=25),
    ],
    learner={"samples": 100, "weights": [1.0, 2.0]},
    reason="centres moved by 0.12",
)


def broken(**fields: Any) -> dict[str, Any]:
    """Return the snapshot with some fields changed."""
    return {**SNAPSHOT.model_dump(), **fields}


def test_a_snapshot_survives_json() -> None:
    assert parse_snapshot(SNAPSHOT.dumps()) == SNAPSHOT
    assert SNAPSHOT.dumps() == parse_snapshot(SNAPSHOT.dumps()).dumps()
    assert (SNAPSHOT.dimension, SNAPSHOT.schema_version) == ("behavior", 1)


def test_a_snapshot_becomes_a_model_that_assigns_customers() -> None:
    model = SNAPSHOT.to_model()
    assert (model.version, model.names) == (3, ("Regulars", "Lapsing"))
    assert (model.features, model.log) == (("spend_rate", "recency_days"), (True, False))
    np.testing.assert_array_equal(model.centroids, [[0.1, -0.2], [1.0, 2.0]])
    assert model.scale.dtype == np.float64


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"parent": 3},
        {"created_at": "2026-11-21T22:40:07"},
        {"clock": float("nan")},
        {"features": ["spend_rate", "mood"]},
        {"features": ["spend_rate", "spend_rate"]},
        {"log": [True]},
        {"center": [3.0, float("inf")]},
        {"center": [3.0]},
        {"scale": [1.5, 0.0]},
        {"scale": [1.5, -1.0]},
        {"centroids": []},
        {"centroids": [[0.1, -0.2], [1.0]]},
        {"centroids": [[0.1, -0.2], [1.0, float("nan")]]},
        {"segments": []},
        {"segments": [{"id": "b0", "name": "A", "share": 1, "customers": 1}] * 2},
        {
            "segments": [
                {"id": "b0", "name": "A", "share": 1, "customers": 1},
                {"id": "b1", "name": "A", "share": 0, "customers": 0},
            ]
        },
    ],
)
def test_an_unusable_snapshot_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModelSnapshot.model_validate(broken(**wrong))


def test_a_snapshot_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(SNAPSHOT.dumps())
    assert load_snapshot(path) == SNAPSHOT


def test_a_file_that_is_not_a_snapshot_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(ValueError, match=r"model\.json cannot be read: No such file"):
        load_snapshot(path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"model\.json is not a model snapshot: Invalid JSON"):
        load_snapshot(path)
    path.write_text(json.dumps(broken(scale=[1.5, 0.0])))
    with pytest.raises(ValueError, match=r"scale\.1: Input should be greater than 0") as refusal:
        load_snapshot(path)
    assert "\n" not in str(refusal.value)
