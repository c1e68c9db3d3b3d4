"""Transitions: when a customer leaves a segment for another, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .features import Matrix
from .model import Assignment


class Held(NamedTuple):
    """A segment that a customer is in: its id, its name when the customer entered, and since when (epoch s)."""

    segment: str
    name: str
    since: float


class Transition(NamedTuple):
    """A segment changed. Times are epoch seconds; `features` gives (before, after) of those that moved most."""

    customer_id: str
    dimension: str
    change: str  # entered, moved, exited
    from_: Held | None
    to: Held | None
    reason: str  # event, deadline, model, ...
    event_id: str | None
    event_type: str | None
    features: dict[str, tuple[float, float]]
    confidence: float  # 0..1: how much nearer the segment is than the runner-up
    runner_up: str | None
    segments: dict[str, Held]  # all segments of the customer after the change
    sequence: int
    life: int
    occurred_at: float
    model_version: int


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """What keeps a customer at the border of two segments from flapping.

    A customer moves only when the nearest centre is nearer than the held one by the share `margin` of the held
    distance, and the held segment is at least `dwell_s` seconds old. Zero and zero: always the nearest.
    """

    margin: float = 0.0
    dwell_s: float = 0.0

    def moves(
        self, assignment: Assignment, held: npt.NDArray[np.intp], since: Matrix, now: Matrix
    ) -> npt.NDArray[np.bool_]:
        """Which of n customers change segment; `held` (n,) is -1 for none, `since` and `now` (n,) epoch seconds."""
        distances = assignment.distances
        rows = np.arange(len(held))
        settled = (held >= 0) & (held < distances.shape[1])
        held_distance = np.where(settled, distances[rows, np.where(settled, held, 0)], np.inf)
        settled &= np.isfinite(held_distance)  # a segment that ended is left at once: nobody would look again
        nearer = distances[rows, assignment.best] < held_distance * (1.0 - self.margin)
        rested = now - since >= self.dwell_s
        moving: npt.NDArray[np.bool_] = (assignment.best != held) & (~settled | (nearer & rested))
        return moving
