"""Segment changes as published: CloudEvents 1.0 in Kafka's binary mode, with a JSON value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stream_seg.core.transitions import CurrentSegment, FeatureReason, Reason, Transition

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
    """A current or former segment of a customer, with the name it had when the customer entered it."""

    segment: str
    name: str
    since: AwareDatetime


class FeatureChange(_Message):
    """A feature before and after the change, in human units."""

    before: float
    after: float


class ChangeReason(_Message):
    """The reason for a change. For code `event` it names the event.

    A learned model explains a change by the features that moved most, other dimensions by the condition that holds.
    """

    code: Literal["event", "deadline", "model", "definition", "merge", "erase", "restore"]
    event_id: str | None = None
    event_type: str | None = None
    features: dict[str, FeatureChange] = Field(default_factory=dict)
    because: str | None = Field(default=None, description="the condition that holds now")


class SegmentChanged(_Message):
    """One change of one customer in one dimension. `segments` holds all current segments after the change."""

    customer_id: str
    dimension: str = Field(description="behavior, lifecycle, value, or rule:<key>")
    change: Literal["entered", "moved", "exited", "renamed"]
    from_: HeldSegment | None = Field(alias="from")
    to: HeldSegment | None
    reason: ChangeReason
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        description="how much nearer the segment is than the runner-up. null in dimensions without a model"
    )
    runner_up: str | None
    segments: dict[str, HeldSegment] = Field(description="all current segments by dimension, after the change")
    sequence: int = Field(ge=1, description="grows by one with every change of the customer, over all dimensions")
    life: int = Field(description="the epoch in which the customer's record was born")
    epoch: int = Field(description="grows with every change of ownership of the customer's partition")
    occurred_at: AwareDatetime
    detected_at: AwareDatetime
    model_version: int | None = Field(description="null in dimensions without a model")
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
    transition: Transition, *, epoch: int, detected_at: str, source: str, format_time: Callable[[float], str] = rfc3339
) -> ChangeMessage:
    """Return the Kafka record of a transition.

    The function is pure, so the same arguments give the same bytes. `detected_at` is RFC 3339. `source` is the
    CloudEvents source, a URI reference of the deployment. `format_time` writes epoch seconds as RFC 3339. A caller
    with many transitions passes a lookup in `times.FormattedTimes`, which formats all of their times at once.
    """
    occurred_at, to = format_time(transition.occurred_at), _segment(transition.to, format_time)
    value = orjson.dumps(
        {
            "customer_id": transition.customer_id,
            "dimension": transition.dimension,
            "change": transition.change,
            "from": _segment(transition.from_, format_time),
            "to": to,
            "reason": {
                "code": transition.code,
                "event_id": transition.event_id,
                "event_type": transition.event_type,
                **_explanation(transition.reason),
            },
            "confidence": transition.confidence,
            "runner_up": transition.runner_up,
            "segments": {
                dimension: to if segment is transition.to else _segment(segment, format_time)
                for dimension, segment in transition.segments.items()
            },
            "sequence": transition.sequence,
            "life": transition.life,
            "epoch": epoch,
            "occurred_at": occurred_at,
            "detected_at": detected_at,
            "model_version": transition.version if isinstance(transition.reason, FeatureReason) else None,
            "schema_version": SCHEMA_VERSION,
        }
    )
    return _message(
        transition.customer_id,
        change_id(transition.customer_id, transition.dimension, transition.life, transition.sequence),
        occurred_at,
        value,
        source,
    )


def _explanation(reason: Reason) -> dict[str, Any]:
    if isinstance(reason, FeatureReason):
        return {"features": {name: {"before": b, "after": a} for name, (b, a) in reason.features.items()}}
    return {"because": reason.because}


def message_again(value: bytes, source: str) -> ChangeMessage:
    """Return the message that `encode_change` produced, from its value and source.

    Key and headers follow from these two.
    """
    change = orjson.loads(value)
    customer_id = change["customer_id"]
    id_ = change_id(customer_id, change["dimension"], change["life"], change["sequence"])
    return _message(customer_id, id_, change["occurred_at"], value, source)


def _message(customer_id: str, id_: str, occurred_at: str, value: bytes, source: str) -> ChangeMessage:
    headers = [
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_time", occurred_at.encode()),
        *_FIXED_HEADERS,
    ]
    return ChangeMessage(customer_id.encode(), value, headers)


def change_id(customer_id: str, dimension: str, life: int, sequence: int) -> str:
    """Return the `ce_id` of a change, which is unique to the change and equal for all of its deliveries."""
    return f"{customer_id}/{dimension}/{life}/{sequence}"


def parse_change(value: bytes) -> SegmentChanged:
    """Return the change in a record of `segment-changes`. Raises pydantic.ValidationError (a ValueError)."""
    return SegmentChanged.model_validate_json(value)


def _segment(segment: CurrentSegment | None, format_time: Callable[[float], str]) -> dict[str, str] | None:
    if segment is None:
        return None
    return {"segment": segment.segment, "name": segment.name, "since": format_time(segment.since)}
