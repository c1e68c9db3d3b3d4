from __future__ import annotations

import numpy as np
import pytest

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.publishing.moves import Flow, moves


def snapshot(version: int, *centers: float) -> ModelSnapshot:
    """Return a model on the order rate alone, unscaled."""
    return ModelSnapshot(
        version=version,
        parent=version - 1,
        created_at="2026-01-01T00:00:00Z",
        clock=0.0,
        features=["order_rate"],
        log=[False],
        center=[0.0],
        scale=[1.0],
        centroids=[[each] for each in centers],
        segments=[
            SegmentProfile(id=f"b{index}", name=f"about {index}", share=0.5, customers=1)
            for index in range(len(centers))
        ],
        reason="started",
    )


def rows(*order_rates: float) -> np.ndarray:
    out = np.zeros((len(order_rates), len(FEATURES)))
    out[:, 0] = order_rates
    return out


def test_flows_count_customers_who_would_move() -> None:
    scored = moves(snapshot(1, 0.0, 10.0), snapshot(2, 0.0, 4.0), rows(0.0, 1.0, 3.0, 4.0, 9.0))
    assert scored.counts.tolist() == [[2, 2], [0, 1]]
    assert (scored.customers, scored.moved, scored.share) == (5, 2, 0.4)
    assert scored.flows == [Flow("b0", "b1", 2)]


def test_new_and_ended_segments_of_another_k_are_in_the_json() -> None:
    scored = moves(snapshot(1, 0.0, 10.0), snapshot(2, 0.0, 10.0, 5.0), rows(0.0, 4.0, 6.0, 7.0))
    assert scored.to_json() == {
        "customers": 4,
        "moved": 3,
        "share": 0.75,
        "flows": [{"from": "b1", "to": "b2", "customers": 2}, {"from": "b0", "to": "b2", "customers": 1}],
        "born": ["b2"],
        "ended": [],
    }
    assert [flow["to"] for flow in scored.to_json(flows=1)["flows"]] == ["b2"]
    assert moves(snapshot(1, 0.0, 10.0, 5.0), snapshot(2, 0.0, 10.0), rows(0.0)).ended == ["b2"]


def test_customers_stay_by_id_and_not_by_index() -> None:
    old, new = snapshot(1, 0.0, 10.0), snapshot(2, 0.0, 10.0)
    profiles = [new.segments[0], new.segments[1].model_copy(update={"id": "b7"})]
    scored = moves(old, new.model_copy(update={"segments": profiles}), rows(0.0, 1.0, 10.0))
    assert scored.flows == [Flow("b1", "b7", 1)]
    assert (scored.born, scored.ended) == (["b7"], ["b1"])


def test_the_share_is_0_without_customers() -> None:
    assert moves(snapshot(1, 0.0, 1.0), snapshot(2, 0.0, 1.0), rows()).share == 0.0


def test_rows_of_the_wrong_length_are_rejected() -> None:
    with pytest.raises(ValueError, match=f"all {len(FEATURES)} features"):
        moves(snapshot(1, 0.0, 1.0), snapshot(2, 0.0, 1.0), np.zeros((3, 2)))
