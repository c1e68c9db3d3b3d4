"""Drift events: customers are not what they were when the learner last knew them, with the evidence."""

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
    """One thing that changed, for one segment or, where `segment` is null, for all customers."""

    what: What = Field(description="distance: of customers to the centre they are nearest to; share: of customers")
    segment: str | None = None
    name: str | None = Field(default=None, description="what the model in force calls the segment")
    before: Finite = Field(description="mean until then, a distance in scaled space or a share 0..1")
    after: Finite = Field(description="mean since then")
    since: str = Field(description="RFC 3339, stream time: about when it began")
    samples_before: int = Field(ge=0, description="sampled customers behind `before`")
    samples_after: int = Field(ge=0, description="sampled customers behind `after`")


class SegmentDrift(_Json):
    """An event of the topic segment-drift: all that was found at one time, the strongest first."""

    dimension: str = BEHAVIOR
    model_version: int = Field(ge=1, description="the model in force, whose centres the findings are about")
    occurred_at: str = Field(description="RFC 3339, stream time at which it was found")
    detected_at: str = Field(description="RFC 3339, wall time")
    since: str = Field(description="RFC 3339, stream time: when the earliest of the findings began")
    segments: list[str] = Field(description="ids of the segments that findings name")
    findings: Annotated[list[Finding], Field(min_length=1)]
    schema_version: int = 1

    def dumps(self) -> bytes:
        """The event as JSON; the same bytes for the same event."""
        return self.model_dump_json().encode()


def parse_drift(value: bytes) -> SegmentDrift:
    """The drift event in a JSON text; raises ValueError that says in one line what is wrong first."""
    try:
        return SegmentDrift.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
