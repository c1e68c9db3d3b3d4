"""Orders: what completing, refunding and cancelling one does, before or after the order itself is known."""

from __future__ import annotations

from enum import Enum
from typing import Final

from .deltas import PURCHASES_COUNT, REFUNDS, SPENT, Deltas
from .recent_ids import CANCEL_WAITS, CANCELLED, ORDER, ORDER_ENTRY, REFUND_WAITS, REST_WAITS, position
from .taxonomy import ORDERS, SPEND

# The amount of a refund that takes back all that is left of its order.
ALL_THAT_IS_LEFT: Final = -1

_WIDTH: Final = ORDER_ENTRY.size


class Outcome(Enum):
    """What absorbing one event did."""

    ABSORBED = "absorbed"
    REPEATED = "repeated"  # the event was seen before
    REPEATED_ORDER = "repeated order"  # another event said the same of the same order
    UNMATCHED = "unmatched"  # a refund or cancellation whose order is not known (yet, or any more)
    NOTHING_TAKEN = "nothing taken"  # the same of a refund without an amount: it waits, and takes nothing until then


# Members of an Enum cost a look-up each time they are named.
_ABSORBED: Final = Outcome.ABSORBED
_REPEATED_ORDER: Final = Outcome.REPEATED_ORDER
_UNMATCHED: Final = Outcome.UNMATCHED
_NOTHING_TAKEN: Final = Outcome.NOTHING_TAKEN


class OrderBook:
    """Orders of many customers: `rings` holds the last `keep` of each by row, `ledger` takes what changes.

    Its verbs take the row of a customer, the fingerprint of an order, the time of the event (epoch seconds) and an
    amount in minor units.
    """

    __slots__ = ("_keep_bytes", "_ledger", "_rings")

    def __init__(self, rings: list[bytes], keep: int, ledger: Deltas) -> None:
        self._rings = rings
        self._keep_bytes = -keep * _WIDTH
        self._ledger = ledger

    def complete(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Count an order, and what was taken back before it arrived."""
        ring, ledger = self._rings[row], self._ledger
        state, taken = ORDER, 0
        if order in ring:
            at = position(ring, order, _WIDTH)
            while at >= 0:
                _, waiting, back_t, back, _ = ORDER_ENTRY.unpack_from(ring, at)
                if waiting in (ORDER, CANCELLED):
                    return _REPEATED_ORDER
                ledger.take_back(row, -back, back_t)
                taken += amount if waiting == REST_WAITS else back
                state = max(state, CANCELLED if waiting == CANCEL_WAITS else ORDER)
                ring = ring[:at] + ring[at + _WIDTH :]
                at = position(ring, order, _WIDTH)
        taken = amount if state == CANCELLED else min(taken, amount)
        self._rings[row] = (ring + ORDER_ENTRY.pack(order, state, t, amount, taken))[self._keep_bytes :]
        if state == ORDER:
            ledger.counts.append((row, PURCHASES_COUNT, 1))
            ledger.sums.append((row, ORDERS, 1.0, t))
        ledger.counts.append((row, SPENT, amount))
        ledger.sums.append((row, SPEND, amount, t))
        if taken:
            ledger.take_back(row, taken, t)
        return _ABSORBED

    def refund(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Take back `amount` of an order, or ALL_THAT_IS_LEFT, at the time of the order where that is known."""
        ring, ledger = self._rings[row], self._ledger
        ledger.counts.append((row, REFUNDS, 1))
        at = position(ring, order, _WIDTH)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(ring, at)
            if state in (ORDER, CANCELLED):
                left = ordered - taken
                more = left if amount == ALL_THAT_IS_LEFT else min(amount, left)
                ledger.take_back(row, more, order_t)
                self._put(row, at, ORDER_ENTRY.pack(order, state, order_t, ordered, taken + more))
                return _ABSORBED
        if amount == ALL_THAT_IS_LEFT:
            self._wait(row, order, REST_WAITS, t, 0)
            return _NOTHING_TAKEN
        return self._wait(row, order, REFUND_WAITS, t, amount)

    def cancel(self, row: int, order: bytes, t: float, amount: int) -> Outcome:
        """Take back a whole order; the amount said counts only while the order itself is not known."""
        ring, ledger = self._rings[row], self._ledger
        at = position(ring, order, _WIDTH)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(ring, at)
            if state == CANCELLED:
                return _REPEATED_ORDER
            if state == ORDER:
                ledger.counts.append((row, PURCHASES_COUNT, -1))
                ledger.sums.append((row, ORDERS, -1.0, order_t))
                ledger.take_back(row, ordered - taken, order_t)
                self._put(row, at, ORDER_ENTRY.pack(order, CANCELLED, order_t, ordered, ordered))
                return _ABSORBED
        return self._wait(row, order, CANCEL_WAITS, t, amount)

    def _wait(self, row: int, order: bytes, state: int, t: float, amount: int) -> Outcome:
        """Take back what is said, until the order itself is known."""
        self._ledger.take_back(row, amount, t)
        entry = ORDER_ENTRY.pack(order, state, t, amount, 0)
        self._rings[row] = (self._rings[row] + entry)[self._keep_bytes :]
        return _UNMATCHED

    def _put(self, row: int, at: int, entry: bytes) -> None:
        ring = self._rings[row]
        self._rings[row] = ring[:at] + entry + ring[at + _WIDTH :]
