"""Model snapshots: a segment model with the profiles of its segments and the learner's state, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream_seg.core.dimensions.behavior import BEHAVIOR, SegmentModel, segment_id
from stream_seg.core.features import FEATURES

from .faults import first_fault
from .times import parse_rfc3339

# What a customer's record has room for.
MAX_VERSION: Final = 2**32 - 1
MAX_SEGMENTS: Final = 127
# What no feature of a customer exceeds: sums of amounts of 32 bits, in minor units.
_LARGEST_FEATURE: Final = 1e15

# Reasons of versions that persons publish; a learner has others.
ROLLBACK: Final = "rollback"
PINNED: Final = "pinned"
UNPINNED: Final = "unpinned"
RENAMED: Final = "renamed"
_CONTENT: Final = ("features", "log", "center", "scale", "centroids")
BY_PERSON: Final = frozenset({ROLLBACK, PINNED, UNPINNED, RENAMED})

Finite = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[list[Finite], Field(min_length=1)]


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Share = Annotated[float, Field(ge=0, le=1)]


class Difference(_Json):
    """Where a segment's customers differ from all others, in what most of both have."""

    what: str = Field(description="a feature, or a share: channel:NAME, category:NAMES")
    here: Finite = Field(description="the median of the segment's customers, of a share the mean")
    rest: Finite = Field(description="the same of all other customers")
    strength: Finite = Field(description="here less rest as a multiple of everyone's spread; 1 is a clear difference")


class SegmentProfile(_Json):
    """What a segment's customers are like, for people, by the sample that the snapshot was made from."""

    id: str
    name: str = Field(min_length=1)
    share: float = Field(ge=0, le=1, description="of the customers sampled")
    customers: int = Field(ge=0, description="in the sample")
    features: dict[str, Finite] = Field(
        default_factory=dict,
        description="medians in human units, the strongest difference to everyone first; what most of the segment's "
        "customers do not have, such as a last order, is left out, and others are of those who have it",
    )
    revenue_share: Share | None = Field(default=None, description="of the money that those sampled spend in 30 days")
    views_per_order: Annotated[Finite, Field(ge=0)] | None = Field(
        default=None,
        description="products viewed for each order, all customers together; null: the typical customer places fewer "
        "than 0.05 orders in 30 days, or there are no views",
    )
    channels: dict[str, Share] = Field(
        default_factory=dict,
        description="mean share of a customer's actions by channel, the largest first; campaigns received are none",
    )
    categories: dict[str, Share] = Field(
        default_factory=dict,
        description="mean share of the goods by group of categories, the largest first; a group is all categories that "
        "share a slot of the customer's record, named by those met first, or others",
    )
    differences: list[Difference] = Field(
        default_factory=list, description="how the segment differs from all other customers, strongest first"
    )
    name_pinned: bool = Field(default=False, description="whether a person gave the name; naming leaves it alone")


class ModelSnapshot(_Json):
    """A published version of the model.

    `features` are d names out of `core.features.FEATURES`, `log`, `center` and `scale` d values, `centroids` k
    rows of d in scaled space, `segments` k profiles in the order of the centroids, with the ids b0, b1, ... An id is
    never given to another segment: where one ended, its number is left out.
    """

    version: int = Field(ge=1, le=MAX_VERSION)
    parent: int = Field(ge=0, description="the version this one was learned from; 0 for none")
    dimension: str = BEHAVIOR
    created_at: str = Field(description="RFC 3339, wall time")
    clock: Finite = Field(description="stream time, epoch seconds")
    features: list[str] = Field(min_length=1)
    log: list[bool] = Field(description="whether log(1 + x) of the feature is taken first")
    center: Row
    scale: Annotated[list[Annotated[Finite, Field(gt=0)]], Field(min_length=1)]
    centroids: Annotated[list[Row], Field(min_length=1, max_length=MAX_SEGMENTS)]
    segments: list[SegmentProfile]
    learner: dict[str, Any] = Field(default_factory=dict, description="all that is needed to go on learning")
    reason: str = Field(description="why this version was published")
    pinned: bool = Field(default=False, description="until a person says otherwise, nothing a learner publishes counts")
    content_of: int | None = Field(default=None, description="the version whose content a person chose")
    born: list[str] = Field(default_factory=list, description="segments that the parent has not")
    ended: list[str] = Field(default_factory=list, description="segments of the parent that this version has not")
    evidence: dict[str, Any] = Field(
        default_factory=dict, description="of a fresh start: what it gained on held-out customers, and who would move"
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
            raise ValueError(f"features must be different names out of {', '.join(FEATURES)}; unknown: {unknown}")
        return features

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        d, k = len(self.features), len(self.centroids)
        lengths = {len(self.log), len(self.center), len(self.scale), *map(len, self.centroids)}
        if lengths != {d}:
            raise ValueError(f"log, center, scale and each centroid must have {d} values, one a feature")
        numbers = [number_of(profile.id) for profile in self.segments]
        if len(numbers) != k or numbers != sorted(set(numbers)):
            raise ValueError(f"segments must be {k} profiles, one a centroid, with different ids b0, b1, ... in order")
        if len({profile.name for profile in self.segments}) != k:
            raise ValueError("names of segments must differ")
        if self.parent >= self.version:
            raise ValueError(f"parent {self.parent} must be an older version than {self.version}")
        return self

    @model_validator(mode="after")
    def _measures(self) -> Self:
        """Numbers may each be finite and yet give distances that are not: then no customer has a nearest centre."""
        customers = np.array([[0.0] * len(FEATURES), [_LARGEST_FEATURE] * len(FEATURES)])
        with np.errstate(over="ignore", invalid="ignore"):
            distances = self.to_model().assign(customers).distances[:, self.numbers]
        if not np.isfinite(distances).all():
            raise ValueError("scale and centroids give distances that are not finite")
        return self

    @property
    def by_person(self) -> bool:
        """Whether a person, not a learner, published this version."""
        return self.reason in BY_PERSON

    def same_content(self, other: ModelSnapshot) -> bool:
        """Whether it puts every customer where another puts them; names may differ."""
        return all(getattr(self, name) == getattr(other, name) for name in ("numbers", *_CONTENT))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the segments, in the order of the centroids."""
        return tuple(number_of(profile.id) for profile in self.segments)

    @property
    def names(self) -> tuple[str, ...]:
        """What the segments are called, by number; a number whose segment ended is called by its id."""
        named = {number_of(profile.id): profile.name for profile in self.segments}
        return tuple(named.get(number, segment_id(number)) for number in range(max(named) + 1))

    def to_model(self) -> SegmentModel:
        """The model that assigns customers to segments."""
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
        """The snapshot as JSON; the same bytes for the same snapshot."""
        return self.model_dump_json().encode()


def number_of(segment: str) -> int:
    """The number of a segment, from its id; raises ValueError for what is none."""
    number = segment.removeprefix("b")
    if not number.isascii() or not number.isdecimal() or segment_id(int(number)) != segment:
        raise ValueError(f"{segment!r} is no segment: ids are b0, b1, ...")
    if int(number) >= MAX_SEGMENTS:
        raise ValueError(f"segment {segment} is beyond b{MAX_SEGMENTS - 1}, the last that a customer's record can hold")
    return int(number)


def parse_snapshot(value: bytes) -> ModelSnapshot:
    """The snapshot in a JSON text; raises ValueError that says in one line what is wrong first."""
    try:
        return ModelSnapshot.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None


def load_snapshot(path: Path) -> ModelSnapshot:
    """The snapshot in a file; raises ValueError with one clear line where it cannot be read or is none."""
    try:
        return parse_snapshot(path.read_bytes())
    except OSError as error:
        raise ValueError(f"the model {path} cannot be read: {error.strerror}") from None
    except ValueError as reason:
        raise ValueError(f"{path} is no model snapshot: {reason}") from None
