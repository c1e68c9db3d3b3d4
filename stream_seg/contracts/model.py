"""Model snapshots: a segment model with the profiles of its segments and the learner's state, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream_seg.core.features import FEATURES
from stream_seg.core.model import BEHAVIOR, SegmentModel, segment_id

from .times import parse_rfc3339

# What a customer's record has room for.
MAX_VERSION: Final = 2**32 - 1
MAX_SEGMENTS: Final = 127

Finite = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[list[Finite], Field(min_length=1)]


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Share = Annotated[float, Field(ge=0, le=1)]


class Difference(_Json):
    """Where a segment's customers differ from all others."""

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
        default_factory=dict, description="medians in human units, the strongest difference to everyone first"
    )
    revenue_share: Share | None = Field(default=None, description="of the money that those sampled spend in 30 days")
    views_per_order: Annotated[Finite, Field(ge=0)] | None = Field(
        default=None,
        description="products viewed for each order, all customers together; null: hardly any order, or no views",
    )
    channels: dict[str, Share] = Field(
        default_factory=dict, description="mean share of a customer's actions by channel, the largest first"
    )
    categories: dict[str, Share] = Field(
        default_factory=dict,
        description="mean share of the goods by group of categories, the largest first; a group is all categories that "
        "share a slot of the customer's record, named by those met first",
    )
    differences: list[Difference] = Field(
        default_factory=list, description="how the segment differs from all other customers, strongest first"
    )


class ModelSnapshot(_Json):
    """A published version of the model.

    `features` are d names out of `core.features.FEATURES`, `log`, `center` and `scale` d values, `centroids` k
    rows of d in scaled space, `segments` k profiles with the ids b0, b1, ... in the order of the centroids.
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
        if [profile.id for profile in self.segments] != [segment_id(i) for i in range(k)]:
            raise ValueError(f"segments must be {k} profiles with the ids b0 to b{k - 1}, one a centroid")
        if len({profile.name for profile in self.segments}) != k:
            raise ValueError("names of segments must differ")
        if self.parent >= self.version:
            raise ValueError(f"parent {self.parent} must be an older version than {self.version}")
        return self

    def to_model(self) -> SegmentModel:
        """The model that assigns customers to segments."""
        return SegmentModel(
            version=self.version,
            features=tuple(self.features),
            log=tuple(self.log),
            center=np.array(self.center),
            scale=np.array(self.scale),
            centroids=np.array(self.centroids),
            names=tuple(profile.name for profile in self.segments),
        )

    def dumps(self) -> bytes:
        """The snapshot as JSON; the same bytes for the same snapshot."""
        return self.model_dump_json().encode()


def parse_snapshot(value: bytes) -> ModelSnapshot:
    """The snapshot in a JSON text; raises ValueError that says in one line what is wrong first."""
    try:
        return ModelSnapshot.model_validate_json(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the whole"
        raise ValueError(f"{place}: {fault['msg']}") from None


def load_snapshot(path: Path) -> ModelSnapshot:
    """The snapshot in a file; raises ValueError with one clear line where it cannot be read or is none."""
    try:
        return parse_snapshot(path.read_bytes())
    except OSError as error:
        raise ValueError(f"the model {path} cannot be read: {error.strerror}") from None
    except ValueError as reason:
        raise ValueError(f"{path} is no model snapshot: {reason}") from None
