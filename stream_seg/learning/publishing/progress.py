"""Progress: the state beside centers that a learner needs to continue after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

import numpy as np

from stream_seg.learning.clustering.scaling import Matrix

FORMAT: Final = 1


@dataclass
class Progress:
    """Counters and times (epoch seconds of stream time), stored as JSON in a snapshot's `learner`."""

    clusters: int  # requested, while a sample with fewer distinct customers gives fewer
    first_clock: float | None = None  # of the first sample
    samples: int = 0
    starts: int = 0  # fresh starts tried, each of which gets a random generator of its own
    customers_at_start: int = 0
    next_number: int = 0  # of the next new segment
    challenged_clock: float | None = None  # start of the last challenger
    counts: list[int] = field(default_factory=list)  # samples learned by each center since the last start
    published_clock: float | None = None
    published_samples: int = 0
    centers: list[list[float]] = field(default_factory=list)  # learned centers, if they differ from the centroids

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a snapshot."""
        return {"format": FORMAT, **asdict(self)}

    def centers_or(self, centroids: Matrix) -> Matrix:
        """Return the learned centers (k, d), which are the snapshot's centroids unless `centers` has others.

        Raises ValueError when `centers` does not fit the centroids.
        """
        centers = np.array(self.centers, dtype=np.float64) if self.centers else centroids
        if centers.shape != centroids.shape or not np.isfinite(centers).all():
            raise ValueError(f"the snapshot's learner has centers that do not fit centroids of shape {centroids.shape}")
        return centers

    @classmethod
    def from_json(cls, values: Mapping[str, Any], centers: int) -> Self:
        """Return the progress that `to_json` wrote, for a number of centers. Unknown names are ignored.

        A later version may have written them. Raises ValueError on another format, and on values of another type.
        """
        if values.get("format") != FORMAT:
            raise ValueError(
                f"the snapshot's learner has format {values.get('format')!r}, but this version reads {FORMAT}: "
                "start a new learner, or use the version that wrote it"
            )
        names = {each.name for each in fields(cls)}
        known_values = {name: value for name, value in values.items() if name in names}
        if wrong := [name for name, value in known_values.items() if not _has_type(name, value)]:
            raise ValueError(f"the snapshot's learner has a {wrong[0]} of the wrong type")
        if "clusters" not in known_values:
            raise ValueError("the snapshot's learner does not say how many clusters it learns")
        self = cls(**known_values)
        if len(self.counts) != centers:
            self.counts = [0] * centers
        return self


def _has_type(name: str, value: object) -> bool:
    """Return whether a JSON value has the type of the field with this name."""
    if name.endswith("_clock"):
        return value is None or type(value) in (int, float)
    if name == "counts":
        return isinstance(value, list) and all(type(count) is int for count in value)
    if name == "centers":
        return isinstance(value, list) and all(map(_is_row, value)) and len({len(row) for row in value}) <= 1
    return type(value) is int


def _is_row(value: object) -> bool:
    return isinstance(value, list) and all(type(number) in (int, float) for number in value)
