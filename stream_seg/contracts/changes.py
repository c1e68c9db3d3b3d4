"""Segment changes as the world gets them: CloudEvents 1.0 in Kafka's binary mode, with a JSON value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stream_seg.core.transitions import CurrentSegment, Transition

from .times import rfc3339

CE_TYPE: Final = "io.stream_seg.segment.changed.v1"
SCHEMA_VERSION: Final = 1

_FIXED_HEADERS: Final = (
    ("ce_specversion", b"1.0"),
    ("ce_type", CE_TYPE.encode()),
    ("content-type", b"application/json"),
)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class HeldSegment(_Message):
    """A segment that a customer is or was in, named as when it was entered."""

    segment: str
    name: str
    since: AwareDatetime


class FeatureChange(_Message):
    """A feature before and after the change, in human units."""

    before: float
    after: float


class ChangeReason(_Message):
    """Why a segment changed; for `event`, which one, and the features that moved most."""

    code: Literal["event", "deadline", "model", "definition", "merge", "erase", "restore"]
    event_id: str | None = None
    event_type: str | None = None
    features: dict[str, FeatureChange] = Field(default_factory=dict)


class SegmentChanged(_Message):
    """One change of one customer in one dimension; `segments` is all of the customer's state after it."""

    customer_id: str
    dimension: str = Field(description="behavior, lifecycle, value, or rule:<key>")
    change: Literal["entered", "moved", "exited", "renamed"]
    from_: HeldSegment | None = Field(alias="from")
    to: HeldSegment | None
    reason: ChangeReason
    confidence: float = Field(ge=0, le=1)
    runner_up: str | None
    segments: dict[str, HeldSegment] = Field(description="all current segments by dimension, after the change")
    sequence: int = Field(ge=1, description="grows by one with every change of the customer, over all dimensions")
    life: int = Field(description="the epoch in which the customer's record was born")
    epoch: int = Field(description="grows with every change of ownership of the customer's partition")
    occurred_at: AwareDatetime
    detected_at: AwareDatetime
    model_version: int
    schema_version: int = SCHEMA_VERSION

    @model_validator(mode="after")
    def _ends_fit_change(self) -> Self:
        if (self.from_ is None, self.to is None) != (self.change == "entered", self.change == "exited"):
            raise ValueError("entered has no from, exited has no to, moved and renamed have both")
        stays = self.from_ is not None and self.to is not None and self.from_.segment == self.to.segment
        if stays != (self.change == "renamed"):
            raise ValueError("renamed stays in one segment, and nothing else does")
        return self


class ChangeMessage(NamedTuple):
    """A change as a Kafka record."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode_change(
    t: Transition, *, epoch: int, detected_at: str, source: str, say: Callable[[float], str] = rfc3339
) -> ChangeMessage:
    """The record of a transition; a pure function of its arguments, to the byte.

    `detected_at` is RFC 3339, `source` the CloudEvents source (a URI reference of the deployment). `say` is `rfc3339`,
    or what knows the times of many transitions already (`times.Texts`).
    """
    occurred_at, to = say(t.occurred_at), _held(t.to, say)
    value = orjson.dumps(
        {
            "customer_id": t.customer_id,
            "dimension": t.dimension,
            "change": t.change,
            "from": _held(t.from_, say),
            "to": to,
            "reason": {
                "code": t.reason,
                "event_id": t.event_id,
                "event_type": t.event_type,
                "features": {name: {"before": b, "after": a} for name, (b, a) in t.features.items()},
            },
            "confidence": t.confidence,
            "runner_up": t.runner_up,
            "segments": {dimension: to if held is t.to else _held(held, say) for dimension, held in t.segments.items()},
            "sequence": t.sequence,
            "life": t.life,
            "epoch": epoch,
            "occurred_at": occurred_at,
            "detected_at": detected_at,
            "model_version": t.model_version,
            "schema_version": SCHEMA_VERSION,
        }
    )
    return _message(
        t.customer_id, change_id(t.customer_id, t.dimension, t.life, t.sequence), occurred_at, value, source
    )


def message_again(value: bytes, source: str) -> ChangeMessage:
    """The message that `encode_change` made with this value and source: key and headers follow from them."""
    change = orjson.loads(value)
    customer_id = change["customer_id"]
    name = change_id(customer_id, change["dimension"], change["life"], change["sequence"])
    return _message(customer_id, name, change["occurred_at"], value, source)


def _message(customer_id: str, name: str, occurred_at: str, value: bytes, source: str) -> ChangeMessage:
    headers = [
        ("ce_id", name.encode()),
        ("ce_source", source.encode()),
        ("ce_time", occurred_at.encode()),
        *_FIXED_HEADERS,
    ]
    return ChangeMessage(customer_id.encode(), value, headers)


def change_id(customer_id: str, dimension: str, life: int, sequence: int) -> str:
    """The `ce_id` of a change: the same for every delivery of it, and for no other change."""
    return f"{customer_id}/{dimension}/{life}/{sequence}"


def parse_change(value: bytes) -> SegmentChanged:
    """The change that a record of `segment-changes` carries; raises pydantic.ValidationError (a ValueError)."""
    return SegmentChanged.model_validate_json(value)


def _held(held: CurrentSegment | None, say: Callable[[float], str]) -> dict[str, str] | None:
    if held is None:
        return None
    return {"segment": held.segment, "name": held.name, "since": say(held.since)}
