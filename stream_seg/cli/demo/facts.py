"""The outcome of a demo, from which both the text summary and the JSON summary are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_seg.cli.segments import FlowFacts, SegmentFacts


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a customer, in words."""

    on: str  # the day
    change: str  # the segments left and entered
    cause: str
    moved: list[str]  # the features that moved most


@dataclass(frozen=True, slots=True)
class Person:
    """A remarkable customer: the reason, the segment in Redis, and the last changes."""

    customer_id: str
    known_for: str
    segment: str
    name: str
    since: str
    changes: int
    history: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Check:
    """The comparison of the folded topic, Redis and the workers' state for all customers."""

    customers: int
    redis_equals_topic: bool
    state_equals_redis: bool
    different: list[str] = field(default_factory=list)  # ids, a few of them

    @property
    def ok(self) -> bool:
        """Whether all three agree."""
        return self.redis_equals_topic and self.state_equals_redis


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """The outcome of one demo. `events` counts events sent. `events_per_s` is the rate of the worker."""

    events: int
    by_topic: dict[str, int]
    rejected: dict[str, int]  # by reason
    first_day: str
    last_day: str
    events_per_s: float
    elapsed_s: float
    customers: int
    changes: int
    reasons: dict[str, int]  # changes by reason code
    models: int  # published versions
    segments: list[SegmentFacts]
    flows: list[FlowFacts]
    people: list[Person]
    check: Check
    currency: str

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON, with the keys of the contract first."""
        named: Mapping[str, Any] = asdict(self)
        return {
            "events": self.events,
            "rejected": sum(self.rejected.values()),
            "changes": self.changes,
            "customers": self.customers,
            "segments": named["segments"],
            "events_per_s": round(self.events_per_s, 1),
            "redis_equals_topic": self.check.redis_equals_topic,
            "state_equals_redis": self.check.state_equals_redis,
            "elapsed_s": round(self.elapsed_s, 2),
            "by_topic": self.by_topic,
            "rejected_by_reason": self.rejected,
            "changes_by_reason": self.reasons,
            "models": self.models,
            "flows": named["flows"],
            "people": named["people"],
            "check": named["check"],
        }
