"""The interface of a dimension: one criterion by which every customer is in at most one segment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from stream_seg.core import features
from stream_seg.core.batch import CustomerBatch
from stream_seg.core.decay import Decay
from stream_seg.core.features import Matrix
from stream_seg.core.record import Columns
from stream_seg.core.transitions import Reason

Slots = npt.NDArray[np.int16]


class Current(NamedTuple):
    """The current segments of n customers in one dimension, as their records hold them."""

    slot: Slots  # -1: in none
    version: npt.NDArray[np.uint32]
    since: Matrix  # epoch seconds
    until: Matrix  # epoch seconds


class Placement(NamedTuple):
    """The segments in which a dimension places n customers.

    `confidence` (0..1) and `runner_up` are None where the dimension has none. `renamed` marks customers who stay in
    their segment while its name changes.
    """

    slot: Slots  # -1: in none
    until: Matrix  # epoch seconds, inf: never by time alone
    confidence: Matrix | None = None
    runner_up: Slots | None = None  # -1: no other segment
    renamed: npt.NDArray[np.bool_] | None = None


class View:
    """The view that dimensions have of n customers at `now` (n,), epoch seconds.

    `customers` holds the fields of their records by name, as in `record.columns`. `placements` are those of the
    dimensions that were evaluated before.
    """

    def __init__(self, customers: Columns | CustomerBatch, now: Matrix, decay: Decay, minor_per_major: float) -> None:
        self.customers = customers
        self.now = now
        self.placements: dict[str, Placement] = {}
        self._decay = decay
        self._minor_per_major = minor_per_major

    @cached_property
    def features(self) -> Matrix:
        """The features (n, len(FEATURES)) at `now`."""
        return features.compute(self.customers, self.now, self._decay, self._minor_per_major)

    def before(self, rows: Sequence[int]) -> Matrix:
        """Return the features (len(rows), len(FEATURES)) at the previous evaluation, zeros for new customers."""
        before: Matrix = self.customers["before"][rows].astype(np.float64)
        return before

    def current(self, position: int) -> Current:
        """Return the current segments in the dimension at this position of the record."""
        columns: Any = (self.customers[name][:, position] for name in ("slots", "versions", "since", "until"))
        return Current(*columns)


class Dimension(Protocol):
    """One criterion of segmentation. The engine calls `place` once per batch, then `reasons` for customers who move.

    `key` is the public name. `position` is the index in `record.DIMENSIONS` at which records hold the current segment.
    `requires` names the dimensions that must be evaluated before this one.
    """

    key: str
    position: int
    requires: tuple[str, ...]

    @property
    def version(self) -> int:
        """The version of the model or definition, 0 without one."""

    def place(self, view: View, current: Current) -> Placement:
        """Return the segments of the customers of a view, who are now in `current`."""

    def reasons(self, view: View, rows: Sequence[int]) -> list[Reason]:
        """Return the reason for the new segments of the customers in these rows of the view."""

    def segment(self, slot: int) -> str:
        """Return the public id of a segment."""

    def name(self, version: int, slot: int) -> str:
        """Return the name that a segment has in a version, or its id where that is not known."""


def unplaced(current: Current) -> Placement:
    """Return the placement of a dimension that cannot evaluate customers yet: all customers stay."""
    return Placement(current.slot, current.until)


def in_order(dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Return dimensions so that each comes after those it requires.

    Raises ValueError for a position or key that occurs twice, and for a requirement that is missing or circular.
    """
    positions, keys = {each.position for each in dimensions}, {each.key for each in dimensions}
    if min(len(positions), len(keys)) < len(dimensions):
        raise ValueError("two dimensions have the same key or the same position")
    ordered: dict[str, Dimension] = {}
    waiting = sorted(dimensions, key=lambda each: each.position)
    while waiting:
        ready = next((each for each in waiting if ordered.keys() >= set(each.requires)), None)
        if ready is None:
            raise ValueError(f"dimensions {[each.key for each in waiting]} require one that is missing, or each other")
        waiting.remove(ready)
        ordered[ready.key] = ready
    return tuple(ordered.values())
