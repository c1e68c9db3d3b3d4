"""Progress: what a learner must remember, beside its centres, to go on after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

import numpy as np

from stream_seg.learning.clustering.scaling import Matrix

FORMAT: Final = 1


@dataclass
class Progress:
    """Counters and times (epoch seconds of stream time); all of it is JSON in a snapshot's `learner`."""

    clusters: int  # asked for; a sample with fewer different customers gives fewer
    first_clock: float | None = None  # of the first sample
    samples: int = 0
    starts: int = 0  # good starts tried, so that each has randomness of its own
    customers_at_start: int = 0
    next_number: int = 0  # of the next segment that is born
    challenged_clock: float | None = None  # when the last challenger began
    counts: list[int] = field(default_factory=list)  # samples learned by each centre since the last start
    published_clock: float | None = None
    published_samples: int = 0
    centers: list[list[float]] = field(default_factory=list)  # where learning stands, if not at the centroids

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"format": FORMAT, **asdict(self)}

    def centers_or(self, centroids: Matrix) -> Matrix:
        """Where learning stands (k, d); at the snapshot's centroids, unless this says otherwise."""
        centers = np.array(self.centers, dtype=np.float64) if self.centers else centroids
        if centers.shape != centroids.shape or not np.isfinite(centers).all():
            raise ValueError(f"the snapshot's learner has centers that do not fit centroids {centroids.shape}")
        return centers

    @classmethod
    def from_json(cls, values: Mapping[str, Any], centers: int) -> Self:
        """Back from `to_json`, for so many centres; names that a later version added are ignored.

        Raises ValueError on another format, and on values of another type.
        """
        if values.get("format") != FORMAT:
            raise ValueError(
                f"the snapshot's learner has format {values.get('format')!r}, this version reads {FORMAT}: "
                "start a new learner, or use the version that wrote it"
            )
        known = {each.name for each in fields(cls)}
        said = {name: value for name, value in values.items() if name in known}
        if wrong := [name for name, value in said.items() if not _has_type(name, value)]:
            raise ValueError(f"the snapshot's learner has a {wrong[0]} of another type than it must be")
        if "clusters" not in said:
            raise ValueError("the snapshot's learner does not say how many clusters it learns")
        self = cls(**said)
        if len(self.counts) != centers:
            self.counts = [0] * centers
        return self


def _has_type(name: str, value: object) -> bool:
    """Whether a value out of JSON may be the field of this name."""
    if name.endswith("_clock"):
        return value is None or type(value) in (int, float)
    if name == "counts":
        return isinstance(value, list) and all(type(count) is int for count in value)
    if name == "centers":
        return isinstance(value, list) and all(map(_is_row, value)) and len({len(row) for row in value}) <= 1
    return type(value) is int


def _is_row(value: object) -> bool:
    return isinstance(value, list) and all(type(number) in (int, float) for number in value)
