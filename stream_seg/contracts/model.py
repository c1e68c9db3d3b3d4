"""Model snapshots: a segment model, the profiles of its segments and the learner's state, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.core.dimensions.segment_model import SegmentModel, segment_id
from stream_seg.core.feature_names import FEATURES

from .faults import first_fault
from .times import parse_rfc3339

# Limits of the fields in a customer's record.
MAX_VERSION: Final = 2**32 - 1
MAX_SEGMENTS: Final = 127
# An upper bound of every feature of a customer, because amounts have 32 bits of minor units.
_LARGEST_FEATURE: Final = 1e15

# Reasons of versions that operators publish. Learners use other reasons.
ROLLBACK: Final = "rollback"
PINNED: Final = "pinned"
UNPINNED: Final = "unpinned"
RENAMED: Final = "renamed"
_CONTENT: Final = ("features", "log", "center", "scale", "centroids")
BY_OPERATOR: Final = frozenset({ROLLBACK, PINNED, UNPINNED, RENAMED})

Finite = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[list[Finite], Field(min_length=1)]


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Share = Annotated[float, Field(ge=0, le=1)]


class Difference(_Json):
    """A feature or share in which a segment's customers differ from all others, and which most of both groups have."""

    what: str = Field(description="a feature, or a share: channel:NAME, category:NAMES")
    here: Finite = Field(description="median of the segment's customers, or the mean for a share")
    rest: Finite = Field(description="the same for all other customers")
    strength: Finite = Field(description="(here - rest) / spread over all customers. 1 is a clear difference")


class SegmentProfile(_Json):
    """A description of a segment's customers, computed from the sample behind the snapshot."""

    id: str
    name: str = Field(min_length=1)
    share: float = Field(ge=0, le=1, description="share of the sampled customers")
    customers: int = Field(ge=0, description="customers in the sample")
    features: dict[str, Finite] = Field(
        default_factory=dict,
        description="medians in human units, strongest difference from all customers first. A feature that most of the "
        "segment's customers lack, such as a last order, is omitted. Medians are over customers that have the feature",
    )
    revenue_share: Share | None = Field(
        default=None, description="share of the money that sampled customers spend in 30 days"
    )
    views_per_order: Annotated[Finite, Field(ge=0)] | None = Field(
        default=None,
        description="products viewed per order, over all customers of the segment. null if the typical customer places "
        "fewer than 0.05 orders in 30 days, or if there are no views",
    )
    channels: dict[str, Share] = Field(
        default_factory=dict,
        description="mean share of a customer's actions by channel, largest first. Received campaigns do not count",
    )
    categories: dict[str, Share] = Field(
        default_factory=dict,
        description="mean share of goods by category, largest first. Less common categories are `other`",
    )
    differences: list[Difference] = Field(
        default_factory=list, description="differences between the segment and all other customers, strongest first"
    )
    name_pinned: bool = Field(
        default=False, description="whether an operator set the name. Automatic naming does not change it"
    )


class ModelSnapshot(_Json):
    """A published version of the model.

    `features` are d names from `core.features.FEATURES`. `log`, `center` and `scale` have d values each. `centroids`
    are k rows of d values in scaled space. `segments` are k profiles in the order of the centroids. Their ids are b0,
    b1, ... and the id of an ended segment is never reused.
    """

    version: int = Field(ge=1, le=MAX_VERSION)
    parent: int = Field(ge=0, description="the version that this one was learned from, 0 for none")
    dimension: str = BEHAVIOR
    created_at: str = Field(description="RFC 3339, wall time")
    clock: Finite = Field(description="stream time, epoch seconds")
    features: list[str] = Field(min_length=1)
    log: list[bool] = Field(description="whether log(1 + x) is applied to the feature first")
    center: Row
    scale: Annotated[list[Annotated[Finite, Field(gt=0)]], Field(min_length=1)]
    centroids: Annotated[list[Row], Field(min_length=1, max_length=MAX_SEGMENTS)]
    segments: list[SegmentProfile]
    learner: dict[str, Any] = Field(default_factory=dict, description="the state that a learner needs to continue")
    reason: str = Field(description="why this version was published")
    pinned: bool = Field(default=False, description="while true, versions published by a learner are ignored")
    content_of: int | None = Field(default=None, description="the version whose content an operator chose")
    born: list[str] = Field(default_factory=list, description="segments that are not in the parent")
    ended: list[str] = Field(default_factory=list, description="segments of the parent that are not in this version")
    evidence: dict[str, Any] = Field(
        default_factory=dict,
        description="for a fresh start: the gain on held-out customers, and the customers that would move",
    )
    schema_version: int = 1

    @field_validator("created_at")
    @classmethod
    def _has_offset(cls, created_at: str) -> str:
        parse_rfc3339(created_at)
        return created_at

    @field_validator("features")
    @classmethod
    def _known(cls, features: list[str]) -> list[str]:
        unknown = sorted(set(features) - set(FEATURES))
        if unknown or len(set(features)) != len(features):
            raise ValueError(f"features must be different names from {', '.join(FEATURES)} (unknown: {unknown})")
        return features

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        d, k = len(self.features), len(self.centroids)
        lengths = {len(self.log), len(self.center), len(self.scale), *map(len, self.centroids)}
        if lengths != {d}:
            raise ValueError(f"log, center, scale and each centroid must have {d} values, one per feature")
        numbers = [number_of(profile.id) for profile in self.segments]
        if len(numbers) != k or numbers != sorted(set(numbers)):
            raise ValueError(
                f"segments must be {k} profiles, one per centroid, with different ids b0, b1, ... in order"
            )
        if len({profile.name for profile in self.segments}) != k:
            raise ValueError("segment names must differ")
        if self.parent >= self.version:
            raise ValueError(f"parent {self.parent} must be older than version {self.version}")
        return self

    @model_validator(mode="after")
    def _measures(self) -> Self:
        """Reject finite numbers that give infinite distances, because then no customer has a nearest center."""
        customers = np.array([[0.0] * len(FEATURES), [_LARGEST_FEATURE] * len(FEATURES)])
        with np.errstate(over="ignore", invalid="ignore"):
            distances = self.to_model().assign(customers).distances[:, self.numbers]
        if not np.isfinite(distances).all():
            raise ValueError("scale and centroids give distances that are not finite")
        return self

    @property
    def by_operator(self) -> bool:
        """Whether an operator, not a learner, published this version."""
        return self.reason in BY_OPERATOR

    def same_content(self, other: ModelSnapshot) -> bool:
        """Return whether both versions assign every customer to the same segment. Names may differ."""
        return all(getattr(self, name) == getattr(other, name) for name in ("numbers", *_CONTENT))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the segments, in the order of the centroids."""
        return tuple(number_of(profile.id) for profile in self.segments)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the segments by number. The number of an ended segment has its id as name."""
        named = {number_of(profile.id): profile.name for profile in self.segments}
        return tuple(named.get(number, segment_id(number)) for number in range(max(named) + 1))

    def to_model(self) -> SegmentModel:
        """Return the model that assigns customers to segments."""
        return SegmentModel(
            version=self.version,
            features=tuple(self.features),
            log=tuple(self.log),
            center=np.array(self.center),
            scale=np.array(self.scale),
            centroids=np.array(self.centroids),
            names=self.names,
            numbers=self.numbers,
            user_named=frozenset(number_of(profile.id) for profile in self.segments if profile.name_pinned),
        )

    def dumps(self) -> bytes:
        """Return the snapshot as JSON. Equal snapshots give equal bytes."""
        return self.model_dump_json().encode()


def number_of(segment: str) -> int:
    """Return the number in a segment id. Raises ValueError for an invalid id."""
    number = segment.removeprefix("b")
    if not number.isascii() or not number.isdecimal() or segment_id(int(number)) != segment:
        raise ValueError(f"{segment!r} is not a segment id such as b0")
    if int(number) >= MAX_SEGMENTS:
        raise ValueError(
            f"segment {segment} is beyond b{MAX_SEGMENTS - 1}, the last one that a customer's record can hold"
        )
    return int(number)


def parse_snapshot(value: bytes) -> ModelSnapshot:
    """Return the snapshot in a JSON text. Raises ValueError with one line about the first error."""
    try:
        return ModelSnapshot.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None


def load_snapshot(path: Path) -> ModelSnapshot:
    """Return the snapshot in a file. Raises ValueError with one line if it cannot be read or is not a snapshot."""
    try:
        return parse_snapshot(path.read_bytes())
    except OSError as error:
        raise ValueError(f"the model {path} cannot be read: {error.strerror}") from None
    except ValueError as reason:
        raise ValueError(f"{path} is not a model snapshot: {reason}") from None
