"""Moves: the customers that a new model would put into another segment, counted before it is active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.scaling import Matrix


class Flow(NamedTuple):
    """The number of customers who would leave segment `from_` for segment `to` (ids)."""

    from_: str
    to: str
    customers: int


@dataclass(frozen=True, eq=False)
class Moves:
    """The segments of customers by an old model and by a new one.

    `counts` (m, n): customers by segment of the old model (rows, ids `old`) and of the new one (columns, ids `new`).
    An id that both models have is the same segment, so customers with that id in both stay.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @property
    def customers(self) -> int:
        """Number of scored customers."""
        return int(self.counts.sum())

    @property
    def moved(self) -> int:
        """Number of customers who would change segment."""
        return sum(flow.customers for flow in self.flows)

    @property
    def share(self) -> float:
        """Share of customers who would change segment, 0..1. It is 0 when no customers were scored."""
        return self.moved / self.customers if self.customers else 0.0

    @property
    def flows(self) -> list[Flow]:
        """Flows between different segments that are not empty, the largest first."""
        flows = [
            Flow(was, becomes, int(self.counts[row, column]))
            for row, was in enumerate(self.old)
            for column, becomes in enumerate(self.new)
            if was != becomes and self.counts[row, column]
        ]
        return sorted(flows, key=lambda flow: (-flow.customers, flow.from_, flow.to))

    @property
    def born(self) -> list[str]:
        """Segments that only the new model has."""
        return [each for each in self.new if each not in self.old]

    @property
    def ended(self) -> list[str]:
        """Segments that only the old model has."""
        return [each for each in self.old if each not in self.new]

    def to_json(self, flows: int | None = None) -> dict[str, Any]:
        """Return plain values, with at most `flows` of the largest flows."""
        return {
            "customers": self.customers,
            "moved": self.moved,
            "share": round(self.share, 4),
            "flows": [{"from": each.from_, "to": each.to, "customers": each.customers} for each in self.flows[:flows]],
            "born": self.born,
            "ended": self.ended,
        }


def moves(old: ModelSnapshot, new: ModelSnapshot, rows: Matrix) -> Moves:
    """Assign customers (n, len(FEATURES)) by two snapshots, to the nearest center, without margin and dwell.

    Raises ValueError when rows do not have all features.
    """
    if rows.ndim != 2 or rows.shape[1] != len(FEATURES):
        raise ValueError(f"give rows of all {len(FEATURES)} features, not an array of shape {rows.shape}")
    indices = [np.searchsorted(each.numbers, each.to_model().assign(rows).best) for each in (old, new)]
    ids = [tuple(profile.id for profile in snapshot.segments) for snapshot in (old, new)]
    return Moves(ids[0], ids[1], flow_matrix(indices[0], indices[1], (len(ids[0]), len(ids[1]))))


def flow_matrix(old: npt.NDArray[np.intp], new: npt.NDArray[np.intp], shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return the customers in each pair of clusters (`shape`), from the cluster of each by two models (n,)."""
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (old, new), 1)
    return counts
