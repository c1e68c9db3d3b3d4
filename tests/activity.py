"""A second dimension for tests: whether a customer's interactions are an odd number, and until when that counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.base import Current, Placement, View
from stream_seg.core.record import DIMENSIONS, NO_SEGMENT
from stream_seg.core.transitions import ConditionReason, Reason

ODD, EVEN = range(2)


class Activity:
    """Customers with interactions are in `odd` or `even`, by their number, and leave a week after the last event.

    So each interaction changes the segment, most events change `until`, and customers enter and exit.
    """

    key = "activity"
    position = DIMENSIONS.index("clv")  # of the dimensions that records have room for, the last to come
    requires: tuple[str, ...] = ()
    version = 1

    def place(self, view: View, current: Current) -> Placement:  # noqa: ARG002
        """See `base.Dimension`."""
        interactions, ends = view.customers["interactions"], view.customers["last_seen"] + 7 * DAY_S
        inside = (interactions > 0) & (ends > view.now)
        slot = np.where(inside, np.where(interactions % 2 == 1, ODD, EVEN), NO_SEGMENT).astype(np.int16)
        return Placement(slot, np.where(inside, np.ceil(ends), np.inf))

    def reasons(self, view: View, rows: Sequence[int]) -> list[Reason]:
        """See `base.Dimension`."""
        return [ConditionReason(f"interactions = {number}") for number in view.customers["interactions"][rows].tolist()]

    def segment(self, slot: int) -> str:
        """See `base.Dimension`."""
        return ("odd", "even")[slot]

    def name(self, version: int, slot: int) -> str:  # noqa: ARG002
        """See `base.Dimension`."""
        return ("Odd", "Even")[slot]
