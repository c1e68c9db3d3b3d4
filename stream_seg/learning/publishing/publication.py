"""The state of publishing: the snapshot published last, and the reason for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, Final

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.clustering.scaling import Matrix

from .progress import Progress

STARTED: Final = "started"
REFIT: Final = "refit"
CHALLENGER: Final = "challenger"
MOVED: Final = "moved"
SCHEDULED: Final = "scheduled"


class Publication:
    """The snapshot that a learner published last, and the reason for the next one.

    `centers` (k, d) are the published centers. `segments` are the published profiles in the order of the learner's
    centers, with None for a segment that was born since. `pending` is the reason for new clusters that are not
    published yet, and `evidence` is the result of the trial that led to them. `saving` is the learner's `staleness`
    when it was last measured, at `measured_at` (epoch seconds).
    """

    def __init__(self, centers: Matrix, snapshot: ModelSnapshot | None = None) -> None:
        self.centers = centers
        self.snapshot = snapshot
        self.segments: list[SegmentProfile | None] = list(snapshot.segments) if snapshot else []
        self.pending: str | None = None
        self.evidence: dict[str, Any] = {}
        self.saving, self.measured_at = 0.0, -inf

    def due(self, clock: float, progress: Progress, policy: LearnerPolicy) -> str | None:
        """Return the reason to publish at `clock` (epoch seconds), or None. Changes nothing."""
        if self.pending:
            return self.pending
        if progress.published_clock is None:
            return STARTED
        since = clock - progress.published_clock
        if since >= policy.publish_gap_s and self.saving > policy.publish_gain:
            return MOVED
        if since >= policy.publish_every_s and progress.samples > progress.published_samples:
            return SCHEDULED
        return None

    def replace_clusters(self, segments: Sequence[SegmentProfile | None], reason: str) -> None:
        """Expect a snapshot of new clusters. An earlier reason that is still pending stays."""
        self.segments = list(segments)
        self.pending = self.pending or reason

    def record(self, snapshot: ModelSnapshot, centers: Matrix) -> None:
        """Record a snapshot and its centers (k, d) as published."""
        self.centers, self.snapshot, self.segments = centers, snapshot, list(snapshot.segments)
        self.pending, self.evidence = None, {}
