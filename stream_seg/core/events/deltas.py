"""Deltas: amounts that events add to money, counts and decayed sums of customers, collected and then added at once."""

from __future__ import annotations

from typing import Final

from .taxonomy import REFUNDED, SPEND

# Fields of the record that are exact whole numbers: orders, minor units spent, refund events, minor units taken back,
# interactions, orders with a coupon or discount, goods ordered, and ratings given.
COUNTS: Final = (
    "purchases", "spend", "refunds", "refunded", "interactions", "coupon_orders", "units", "ratings",
)  # fmt: skip
PURCHASES_COUNT, SPENT, REFUNDS, TAKEN_BACK, INTERACTIONS_COUNT, COUPON_ORDERS, UNITS, RATINGS = range(len(COUNTS))


class Deltas:
    """Amounts to add to customers, by row. Their order does not matter.

    `sums` holds (row, slot, amount, t), an amount for a slot of the decayed sums that decays since `t` (epoch seconds).
    `counts` holds (row, field, number), a number for the field at that position in `COUNTS`.
    """

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.sums: list[tuple[int, int, float, float]] = []
        self.counts: list[tuple[int, int, int]] = []

    def take_back(self, row: int, amount: int, t: float) -> None:
        """Add deltas that take back `amount` minor units spent at `t`."""
        self.counts += ((row, SPENT, -amount), (row, TAKEN_BACK, amount))
        self.sums += ((row, SPEND, -amount, t), (row, REFUNDED, amount, t))
