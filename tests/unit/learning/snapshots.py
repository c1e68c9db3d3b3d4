"""Small snapshots for tests, with centers on two features and numbered names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile


def profiles(names: Sequence[str], custom: Sequence[int] = ()) -> list[SegmentProfile]:
    """Return one profile per name. The names at the indices `custom` are set by an operator."""
    return [
        SegmentProfile(id=f"b{index}", name=name, share=0.5, customers=1, name_pinned=index in custom)
        for index, name in enumerate(names)
    ]


def snapshot(
    version: int = 1, centers: Sequence[Sequence[float]] = ((0.0, 0.0), (4.0, 4.0)), **more: Any
) -> ModelSnapshot:
    """Return a version by a learner with the features order_rate and refund_share, not scaled."""
    k = len(centers)
    fields: dict[str, Any] = {
        "version": version,
        "parent": version - 1,
        "created_at": "2026-01-01T00:00:00Z",
        "clock": 0.0,
        "features": ["order_rate", "refund_share"],
        "log": [False, False],
        "center": [0.0, 0.0],
        "scale": [1.0, 1.0],
        "centroids": [list(center) for center in centers],
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
