"""Moves: which customers another model would put into another segment, scored before it is in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.features import FEATURES
from stream_seg.learning.clustering.scaling import Matrix


class Flow(NamedTuple):
    """So many customers would leave segment `from_` for segment `to` (ids)."""

    from_: str
    to: str
    customers: int


@dataclass(frozen=True, eq=False)
class Moves:
    """Where customers are by an old model and by a new one.

    `counts` (m, n): customers by segment of the old model (rows, ids `old`) and of the new one (columns, ids `new`).
    An id that both know means the same segment, and whoever has it in both stays.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @property
    def customers(self) -> int:
        """Everyone who was scored."""
        return int(self.counts.sum())

    @property
    def moved(self) -> int:
        """Who would change segment."""
        return sum(flow.customers for flow in self.flows)

    @property
    def share(self) -> float:
        """Of customers who would change segment, 0..1; 0 when nobody was scored."""
        return self.moved / self.customers if self.customers else 0.0

    @property
    def flows(self) -> list[Flow]:
        """Who would go from where to where, the largest flow first; empty ones and those who stay left out."""
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
        """As plain values, with at most so many of the largest flows."""
        return {
            "customers": self.customers,
            "moved": self.moved,
            "share": round(self.share, 4),
            "flows": [{"from": each.from_, "to": each.to, "customers": each.customers} for each in self.flows[:flows]],
            "born": self.born,
            "ended": self.ended,
        }


def moves(old: ModelSnapshot, new: ModelSnapshot, rows: Matrix) -> Moves:
    """Score customers (n, len(FEATURES)) by two snapshots, each to its nearest centre, without margin and dwell.

    Raises ValueError when the rows are not rows of all features.
    """
    if rows.ndim != 2 or rows.shape[1] != len(FEATURES):
        raise ValueError(f"customers are rows of all {len(FEATURES)} features, not an array of shape {rows.shape}")
    places = [np.searchsorted(each.numbers, each.to_model().assign(rows).best) for each in (old, new)]
    ids = [tuple(profile.id for profile in snapshot.segments) for snapshot in (old, new)]
    return Moves(ids[0], ids[1], flow_matrix(places[0], places[1], (len(ids[0]), len(ids[1]))))


def flow_matrix(old: npt.NDArray[np.intp], new: npt.NDArray[np.intp], shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """How many customers are in each pair of clusters (`shape`), from the cluster of each by two models (n,)."""
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (old, new), 1)
    return counts
