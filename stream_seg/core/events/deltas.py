"""The ledger: what events add to customers' money, counts and decayed sums, written down first and added up at once.

All that a ledger holds is added, so the order of its lines does not matter.
"""

from __future__ import annotations

from typing import Final

from .taxonomy import REFUNDED, SPEND

# Whole numbers of a customer that grow and shrink: orders completed less those cancelled, minor units less what was
# taken back, refund events, minor units taken back, interactions.
COUNTS: Final = ("purchases", "spend", "refunds", "refunded", "interactions")
PURCHASES_COUNT, SPENT, REFUNDS, TAKEN_BACK, INTERACTIONS_COUNT = range(len(COUNTS))


class Deltas:
    """Lines to be added up, for customers by their row.

    `sums`: (row, slot, amount, t), an amount that decays since `t` (epoch seconds), for a slot of the decayed sums.
    `counts`: (row, field, number), for one of `COUNTS`.
    """

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.sums: list[tuple[int, int, float, float]] = []
        self.counts: list[tuple[int, int, int]] = []

    def take_back(self, row: int, amount: int, t: float) -> None:
        """Take back `amount` minor units that were spent at `t`."""
        self.counts += ((row, SPENT, -amount), (row, TAKEN_BACK, amount))
        self.sums += ((row, SPEND, -amount, t), (row, REFUNDED, amount, t))
