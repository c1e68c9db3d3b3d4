"""Orders: completing, refunding and cancelling them, also when a refund or cancellation arrives before its order."""

from __future__ import annotations

from enum import Enum
from typing import Final

from .deltas import PURCHASES_COUNT, REFUNDS, SPENT, Deltas
from .recent_ids import CANCEL_WAITS, CANCELLED, ORDER, ORDER_ENTRY, REFUND_WAITS, REST_WAITS, position
from .taxonomy import ORDERS, SPEND

# The amount of a refund that takes back the rest of its order.
ALL_THAT_IS_LEFT: Final = -1

_WIDTH: Final = ORDER_ENTRY.size


class Outcome(Enum):
    """The effect of absorbing one event."""

    ABSORBED = "absorbed"
    REPEATED = "repeated"  # the event was seen before
    REPEATED_ORDER = "repeated order"  # an earlier event completed or cancelled the same order
    UNMATCHED = "unmatched"  # a refund or cancellation of an order that is not remembered
    NOTHING_TAKEN = "nothing taken"  # an unmatched refund without an amount: it waits for its order


# Looking up a member of an Enum costs time on every use.
_ABSORBED: Final = Outcome.ABSORBED
_REPEATED_ORDER: Final = Outcome.REPEATED_ORDER
_UNMATCHED: Final = Outcome.UNMATCHED
_NOTHING_TAKEN: Final = Outcome.NOTHING_TAKEN


class OrderBook:
    """The remembered orders of many customers.

    `rings` holds the last `keep` orders of each customer, by row. Changes of money and counts go to `deltas`. The
    methods take the row of a customer, the fingerprint of an order, the time of the event (epoch seconds) and an amount
    in minor units.
    """

    __slots__ = ("_deltas", "_keep_bytes", "_rings")

    def __init__(self, rings: list[bytes], keep: int, deltas: Deltas) -> None:
        self._rings = rings
        self._keep_bytes = -keep * _WIDTH
        self._deltas = deltas

    def complete(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Count an order, and apply the refunds and the cancellation that arrived before it."""
        ring, deltas = self._rings[row], self._deltas
        state, taken = ORDER, 0
        if order in ring:
            at = position(ring, order, _WIDTH)
            while at >= 0:
                _, waiting, back_t, back, _ = ORDER_ENTRY.unpack_from(ring, at)
                if waiting in (ORDER, CANCELLED):
                    return _REPEATED_ORDER
                deltas.take_back(row, -back, back_t)
                taken += amount if waiting == REST_WAITS else back
                state = max(state, CANCELLED if waiting == CANCEL_WAITS else ORDER)
                ring = ring[:at] + ring[at + _WIDTH :]
                at = position(ring, order, _WIDTH)
        taken = amount if state == CANCELLED else min(taken, amount)
        self._rings[row] = (ring + ORDER_ENTRY.pack(order, state, t, amount, taken))[self._keep_bytes :]
        if state == ORDER:
            deltas.counts.append((row, PURCHASES_COUNT, 1))
            deltas.sums.append((row, ORDERS, 1.0, t))
        deltas.counts.append((row, SPENT, amount))
        deltas.sums.append((row, SPEND, amount, t))
        if taken:
            deltas.take_back(row, taken, t)
        return _ABSORBED

    def refund(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Take back `amount` of an order, or ALL_THAT_IS_LEFT, at the time of the order if it is remembered."""
        ring, deltas = self._rings[row], self._deltas
        deltas.counts.append((row, REFUNDS, 1))
        at = position(ring, order, _WIDTH)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(ring, at)
            if state in (ORDER, CANCELLED):
                left = ordered - taken
                more = left if amount == ALL_THAT_IS_LEFT else min(amount, left)
                deltas.take_back(row, more, order_t)
                self._put(row, at, ORDER_ENTRY.pack(order, state, order_t, ordered, taken + more))
                return _ABSORBED
        if amount == ALL_THAT_IS_LEFT:
            self._wait(row, order, REST_WAITS, t, 0)
            return _NOTHING_TAKEN
        return self._wait(row, order, REFUND_WAITS, t, amount)

    def cancel(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Take back all of an order. `amount` counts only if the order is not remembered."""
        ring, deltas = self._rings[row], self._deltas
        at = position(ring, order, _WIDTH)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(ring, at)
            if state == CANCELLED:
                return _REPEATED_ORDER
            if state == ORDER:
                deltas.counts.append((row, PURCHASES_COUNT, -1))
                deltas.sums.append((row, ORDERS, -1.0, order_t))
                deltas.take_back(row, ordered - taken, order_t)
                self._put(row, at, ORDER_ENTRY.pack(order, CANCELLED, order_t, ordered, ordered))
                return _ABSORBED
        return self._wait(row, order, CANCEL_WAITS, t, amount)

    def _wait(self, row: int, order: bytes, state: int, t: float, amount: int) -> Outcome:
        """Take back `amount` until the order arrives, and remember the entry for it."""
        self._deltas.take_back(row, amount, t)
        entry = ORDER_ENTRY.pack(order, state, t, amount, 0)
        self._rings[row] = (self._rings[row] + entry)[self._keep_bytes :]
        return _UNMATCHED

    def _put(self, row: int, at: int, entry: bytes) -> None:
        ring = self._rings[row]
        self._rings[row] = ring[:at] + entry + ring[at + _WIDTH :]
