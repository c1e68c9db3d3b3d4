"""The behavior dimension: the segments of a learned model, with hysteresis at their borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from stream_seg.core.feature_names import FEATURES
from stream_seg.core.features import Matrix
from stream_seg.core.record import DIMENSIONS
from stream_seg.core.transitions import FeatureReason, Reason

from .base import Current, Placement, Slots, View, unplaced
from .names import SegmentNames
from .segment_model import Assignment, Hysteresis, SegmentModel, segment_id

BEHAVIOR: Final = "behavior"

# A reason names at most three features, and only those that moved visibly on the model's own scale.
_REASON_FEATURES: Final = 3
_VISIBLE: Final = 0.05


class Behavior:
    """The dimension of the active `model`. Without one, every customer stays where they are.

    `names` remembers the segment names of every model version.
    """

    key = BEHAVIOR
    position = DIMENSIONS.index(BEHAVIOR)
    requires: tuple[str, ...] = ()

    def __init__(
        self,
        hysteresis: Hysteresis | None = None,
        model: SegmentModel | None = None,
        names: SegmentNames | None = None,
    ) -> None:
        self._hysteresis = hysteresis or Hysteresis()
        self.names = names or SegmentNames()
        self.model: SegmentModel | None = None
        if model is not None:
            self.use(model)

    @property
    def version(self) -> int:
        """The version of the active model, 0 without one."""
        return self.model.version if self.model is not None else 0

    def use(self, model: SegmentModel) -> None:
        """Make this model the active one."""
        self.model = model
        self.names.learn(model.version, model.names, model.user_named, active=True)

    def place(self, view: View, current: Current) -> Placement:
        """Place customers in the nearest segment, unless hysteresis keeps them. See `base.Dimension`."""
        if self.model is None:
            return unplaced(current)
        assignment = self.model.assign(view.features)
        slot = current.slot.astype(np.intp)
        moving = self._hysteresis.moves(assignment, slot, current.since, view.now)
        renamed = self.names.outdated(current.version, slot) & ~moving
        confidence, runner_up = _confidence(assignment)
        return Placement(
            slot=np.where(moving, assignment.best, slot).astype(np.int16),
            until=current.until,
            confidence=np.where(renamed, 1.0, confidence),
            runner_up=np.where(renamed, -1, runner_up).astype(np.int16),
            renamed=renamed,
        )

    def reasons(self, view: View, rows: Sequence[int]) -> list[Reason]:
        """Return the features that moved most since the previous evaluation. See `base.Dimension`."""
        if self.model is None:
            return []
        return _moved_most(self.model, view.before(rows), view.features[rows])

    def segment(self, slot: int) -> str:
        """Return the id of a cluster."""
        return segment_id(slot)

    def name(self, version: int, slot: int) -> str:
        """Return the name of a segment in a model version, or its id if that model is not known."""
        return self.names.name(version, slot)


def _confidence(assignment: Assignment) -> tuple[Matrix, Slots]:
    """Return how much nearer the best segment is than the second (n,), and the second, -1 where there is none."""
    rows = np.arange(len(assignment.best))
    near = assignment.distances[rows, assignment.best]
    far = assignment.distances[rows, assignment.second]
    only = assignment.second == assignment.best
    alone = only | (far <= 0.0)
    confidence = np.where(alone, 0.0, 1.0 - near / np.where(alone, 1.0, far))
    return confidence.round(4), np.where(only, -1, assignment.second).astype(np.int16)


def _moved_most(model: SegmentModel, before: Matrix, after: Matrix) -> list[Reason]:
    """Return, by row, (before, after) of the features that moved most on the model's own scale, most first."""
    apart = np.abs(model.scaled(after) - model.scaled(before))
    most = np.argsort(-apart, axis=1, kind="stable")[:, :_REASON_FEATURES]
    visible = np.take_along_axis(apart, most, axis=1) > _VISIBLE
    chosen = [FEATURES.index(name) for name in model.features]
    was, became = before[:, chosen].round(4).tolist(), after[:, chosen].round(4).tolist()
    names = model.features
    return [
        FeatureReason({names[i]: (old[i], new[i]) for i, shown in zip(order, show, strict=True) if shown})
        for order, show, old, new in zip(most.tolist(), visible.tolist(), was, became, strict=True)
    ]
