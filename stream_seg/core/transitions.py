"""Transitions: changes of a customer's segment, with the reason."""

from __future__ import annotations

from typing import NamedTuple


class CurrentSegment(NamedTuple):
    """The current segment of a customer: its id, its name, and the time of entry (epoch seconds)."""

    segment: str
    name: str
    since: float


class FeatureReason(NamedTuple):
    """A reason in features: (before, after) of those that moved most, most first. None moved for a new name."""

    features: dict[str, tuple[float, float]]


class ConditionReason(NamedTuple):
    """A reason in words: the condition that holds now, such as `recency_days > 60`."""

    because: str


Reason = FeatureReason | ConditionReason

RENAMED = FeatureReason({})


class Transition(NamedTuple):
    """One change of a segment in one dimension. Times are epoch seconds."""

    customer_id: str
    dimension: str
    change: str  # entered, moved, renamed, exited
    from_: CurrentSegment | None
    to: CurrentSegment | None
    code: str  # event, deadline, model, ...
    event_id: str | None
    event_type: str | None
    reason: Reason
    confidence: float | None  # 0..1, how much nearer the segment is than the runner-up
    runner_up: str | None
    segments: dict[str, CurrentSegment]  # all segments of the customer after the change
    sequence: int
    life: int
    occurred_at: float
    version: int  # of the dimension's model or definition
