"""Transitions: changes of a customer's segment, with the reason."""

from __future__ import annotations

from typing import NamedTuple


class CurrentSegment(NamedTuple):
    """The current segment of a customer: its id, its name, and the time of entry (epoch seconds)."""

    segment: str
    name: str
    since: float


class Transition(NamedTuple):
    """One change of a segment.

    Times are epoch seconds. `features` gives (before, after) of the features that moved most.
    """

    customer_id: str
    dimension: str
    change: str  # entered, moved, renamed, exited
    from_: CurrentSegment | None
    to: CurrentSegment | None
    reason: str  # event, deadline, model, ...
    event_id: str | None
    event_type: str | None
    features: dict[str, tuple[float, float]]
    confidence: float  # 0..1, how much nearer the segment is than the runner-up
    runner_up: str | None
    segments: dict[str, CurrentSegment]  # all segments of the customer after the change
    sequence: int
    life: int
    occurred_at: float
    model_version: int
