"""Drift events: evidence that customers have changed since the learner last measured them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream_seg.core.dimensions.behavior import BEHAVIOR

from .faults import first_fault

Finite = Annotated[float, Field(allow_inf_nan=False)]
What: TypeAlias = Literal["distance", "share"]


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Finding(_Json):
    """One measured change, for one segment or, if `segment` is null, for all customers."""

    what: What = Field(description="distance: of customers to their nearest center. share: of customers in the segment")
    segment: str | None = None
    name: str | None = Field(default=None, description="name of the segment in the active model")
    before: Finite = Field(description="mean before `since`, a distance in scaled space or a share 0..1")
    after: Finite = Field(description="mean after `since`")
    since: str = Field(description="RFC 3339, stream time: approximate start of the change")
    samples_before: int = Field(ge=0, description="sampled customers behind `before`")
    samples_after: int = Field(ge=0, description="sampled customers behind `after`")


class SegmentDrift(_Json):
    """An event of the topic segment-drift: all findings of one check, strongest first."""

    dimension: str = BEHAVIOR
    model_version: int = Field(ge=1, description="the active model, whose centers the findings refer to")
    occurred_at: str = Field(description="RFC 3339, stream time of the check")
    detected_at: str = Field(description="RFC 3339, wall time")
    since: str = Field(description="RFC 3339, stream time: start of the earliest finding")
    segments: list[str] = Field(description="ids of the segments that findings name")
    findings: Annotated[list[Finding], Field(min_length=1)]
    schema_version: int = 1

    def dumps(self) -> bytes:
        """Return the event as JSON. Equal events give equal bytes."""
        return self.model_dump_json().encode()


def parse_drift(value: bytes) -> SegmentDrift:
    """Return the drift event in a JSON text. Raises ValueError with one line about the first error."""
    try:
        return SegmentDrift.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
