"""Transitions: when a customer leaves a segment for another, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .dimensions.behavior import Assignment
from .features import Matrix


class CurrentSegment(NamedTuple):
    """A segment that a customer is in: its id, its name when the customer entered, and since when (epoch s)."""

    segment: str
    name: str
    since: float


class Transition(NamedTuple):
    """A segment changed. Times are epoch seconds; `features` gives (before, after) of those that moved most."""

    customer_id: str
    dimension: str
    change: str  # entered, moved, renamed, exited
    from_: CurrentSegment | None
    to: CurrentSegment | None
    reason: str  # event, deadline, model, ...
    event_id: str | None
    event_type: str | None
    features: dict[str, tuple[float, float]]
    confidence: float  # 0..1: how much nearer the segment is than the runner-up
    runner_up: str | None
    segments: dict[str, CurrentSegment]  # all segments of the customer after the change
    sequence: int
    life: int
    occurred_at: float
    model_version: int


# Who has just moved must go this far past the next border, whatever the margin: what is in excess of the margin halves
# with every five dwells that the segment is held. Most flaps are second thoughts of the days after a move.
_FRESH_MARGIN: Final = 0.4
_DWELLS_TO_HALF: Final = 5.0


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """What keeps a customer at the border of two segments from flapping.

    A customer moves only when they are past the border of the segment held by the share `margin` of the way from the
    border to the nearest centre, and have held the segment for `dwell_s` seconds. With a dwell the margin is wider
    after a move, and narrows while the segment is held. Zero and zero: always the nearest.
    """

    margin: float = 0.0
    dwell_s: float = 0.0

    def moves(
        self, assignment: Assignment, held: npt.NDArray[np.intp], since: Matrix, now: Matrix
    ) -> npt.NDArray[np.bool_]:
        """Which of n customers change segment; `held` (n,) is -1 for none, `since` and `now` (n,) epoch seconds."""
        distances, best = assignment.distances, assignment.best
        rows = np.arange(len(held))
        settled = (held >= 0) & (held < distances.shape[1])
        settled &= np.isfinite(distances[rows, np.where(settled, held, 0)])  # one that ended is left at once
        place = np.where(settled, held, best)
        age = np.maximum(now - since, 0.0)
        # Along the line between two centres the difference of squares grows evenly, from 0 at the border, half-way, to
        # the line's own square at the centre; beside the line it is as at the nearest point on it.
        past = distances[rows, place] ** 2 - distances[rows, best] ** 2
        beyond = past > self._margins(age) * assignment.apart[place, best] ** 2
        moving: npt.NDArray[np.bool_] = (best != held) & (~settled | (beyond & (age >= self.dwell_s)))
        return moving

    def _margins(self, age: Matrix) -> Matrix | float:
        """The margin of those who have held their segment for `age` (n,) seconds."""
        if not self.dwell_s:
            return self.margin
        excess = max(_FRESH_MARGIN - self.margin, 0.0)
        margins: Matrix = self.margin + excess * np.exp2(-age / (_DWELLS_TO_HALF * self.dwell_s))
        return margins
