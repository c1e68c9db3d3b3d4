"""Snapshots of the model, put together from the state of the learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.learning.clustering.scaling import Matrix, Scaling

from .moves import moves
from .progress import Progress

MOST_FLOWS: Final = 20  # listed in the evidence of a snapshot


def compose(
    scaling: Scaling, centers: Matrix, segments: list[SegmentProfile], progress: Progress, **fields: Any
) -> ModelSnapshot:
    """Return a snapshot of centers (k, d) with their profiles. `fields` are other fields of `ModelSnapshot`."""
    return ModelSnapshot(
        features=list(scaling.features),
        log=list(scaling.log),
        center=list(scaling.center),
        scale=list(scaling.scale),
        centroids=centers.tolist(),
        segments=segments,
        learner=progress.to_json(),
        **fields,
    )


def with_evidence(
    before: ModelSnapshot, after: ModelSnapshot, rows: Matrix, evidence: Mapping[str, Any]
) -> ModelSnapshot:
    """Return the snapshot of a fresh start with its new and ended segments, and with evidence.

    The moves of customers (n, len(FEATURES)) from `before` are added to `evidence`.
    """
    scored = moves(before, after, rows)
    evidence = {**evidence, "moves": scored.to_json(MOST_FLOWS)}
    return after.model_copy(update={"born": scored.born, "ended": scored.ended, "evidence": evidence})
