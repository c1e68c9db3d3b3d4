"""Small snapshots for tests: centres on two features, names by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile


def profiles(names: Sequence[str], given: Sequence[int] = ()) -> list[SegmentProfile]:
    """Profiles of as many segments; `given` are named by a person."""
    return [
        SegmentProfile(id=f"b{index}", name=name, share=0.5, customers=1, name_pinned=index in given)
        for index, name in enumerate(names)
    ]


def snapshot(
    version: int = 1, centres: Sequence[Sequence[float]] = ((0.0, 0.0), (4.0, 4.0)), **more: Any
) -> ModelSnapshot:
    """A version by a learner, its parent the one before; features order_rate and refund_share, not scaled."""
    k = len(centres)
    fields: dict[str, Any] = {
        "version": version,
        "parent": version - 1,
        "created_at": "2026-01-01T00:00:00Z",
        "clock": 0.0,
        "features": ["order_rate", "refund_share"],
        "log": [False, False],
        "center": [0.0, 0.0],
        "scale": [1.0, 1.0],
        "centroids": [list(centre) for centre in centres],
        "segments": profiles([f"Name {index}" for index in range(k)]),
        "learner": {
            "format": 1,
            "clusters": k,
            "samples": 10 * version,
            "spans_used": version,
            "counts": [version] * k,
        },
        "reason": "scheduled",
    }
    return ModelSnapshot(**{**fields, **more})
