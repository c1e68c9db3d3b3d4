"""Snapshots: what a learner publishes, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.learning.clustering.scaling import Matrix, Scaling

from .moves import moves
from .progress import Progress

MOST_FLOWS: Final = 20  # told in the evidence of a snapshot


def compose(
    scaling: Scaling, centers: Matrix, segments: list[SegmentProfile], progress: Progress, **said: Any
) -> ModelSnapshot:
    """A snapshot of centres (k, d) with their profiles; `said`: its other fields, as `ModelSnapshot` names them."""
    return ModelSnapshot(
        features=list(scaling.features),
        log=list(scaling.log),
        center=list(scaling.center),
        scale=list(scaling.scale),
        centroids=centers.tolist(),
        segments=segments,
        learner=progress.to_json(),
        **said,
    )


def explained(before: ModelSnapshot, after: ModelSnapshot, rows: Matrix, evidence: Mapping[str, Any]) -> ModelSnapshot:
    """A snapshot of a fresh start with births, deaths and evidence: who of customers (n, len(FEATURES)) would move."""
    scored = moves(before, after, rows)
    told = {**evidence, "moves": scored.to_json(MOST_FLOWS)}
    return after.model_copy(update={"born": scored.born, "ended": scored.ended, "evidence": told})
