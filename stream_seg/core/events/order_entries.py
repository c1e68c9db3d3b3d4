"""Statements about orders, and the entries of a record that keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from struct import Struct
from typing import Any, Final, NamedTuple

# The amount of a refund that takes back the rest of its order.
ALL_THAT_IS_LEFT: Final = -1

# An order, or a refund or cancellation that waits for one: fingerprint, state, time, and amount in minor units.
ORDER_ENTRY: Final = Struct("<6sBdI")
# A remembered order that was stated again or refunded: fingerprint, time of the latest statement, and minor units
# refunded as stated.
STATEMENT_ENTRY: Final = Struct("<6sdI")
REFUND_ENTRY: Final = Struct("<6s4s")  # fingerprints of order and refund

# Bits of the state. An entry that waits is a refund or a cancellation whose order has not arrived.
WAITS, CANCELLED, REST_REFUNDED, AT_DISCOUNT = 1, 2, 4, 8


class Outcome(Enum):
    """The effect of absorbing one event."""

    ABSORBED = "absorbed"
    EDITED = "edited"  # a later statement of a known order changed its amount or time
    REPEATED = "repeated"  # the event was seen before
    REPEATED_ORDER = "repeated order"  # an earlier event said the same of the order
    REPEATED_REFUND = "repeated refund"  # an earlier event has this refund id
    UNMATCHED = "unmatched"  # a refund or cancellation of an order that is not remembered
    NOTHING_TAKEN = "nothing taken"  # an unmatched refund without an amount: it waits for its order


def at_discount(event: Mapping[str, Any]) -> bool:
    """Return whether a validated order was bought with a discount or a coupon."""
    return bool(event.get("discount") or event.get("coupon"))


class Statement(NamedTuple):
    """The statement of one event about an order. Times are epoch seconds, `amount` is minor units.

    The statement with the greatest (stated_at, amount, at_discount) counts. The order has the earliest `t`.
    """

    order: bytes
    t: float
    stated_at: float
    amount: int
    at_discount: bool

    @classmethod
    def of(cls, event: Mapping[str, Any], order: bytes, t: float, amount: int) -> Statement:
        """Return the statement of a validated event at `t` about the order with this fingerprint."""
        placed, updated = event.get("order_at"), event.get("updated_at")
        return cls(
            order,
            t if placed is None else min(t, placed),
            t if updated is None else updated,
            amount,
            at_discount(event),
        )


class Entry(NamedTuple):
    """A remembered order, or a refund or cancellation that waits for its order."""

    order: bytes
    state: int
    t: float
    amount: int
    stated_at: float
    refunded: int = 0  # as stated, which may be more than the amount

    @property
    def taken(self) -> int:
        """The minor units taken back."""
        if self.state & WAITS:
            # A waiting refund of the rest says nothing about how much that is.
            return 0 if self.state & REST_REFUNDED else self.amount
        return self.amount if self.state & (CANCELLED | REST_REFUNDED) else min(self.refunded, self.amount)

    @property
    def counts(self) -> bool:
        """Whether this is an order that was not cancelled."""
        return not self.state & (WAITS | CANCELLED)


def unpack(orders: bytes, statements: bytes) -> list[Entry]:
    """Return the entries of both sections, in the order of (time, fingerprint)."""
    stated = {order: (at, refunded) for order, at, refunded in STATEMENT_ENTRY.iter_unpack(statements)}
    return [
        Entry(order, state, t, amount, *(stated.get(order, (t, 0)) if not state & WAITS else (t, 0)))
        for order, state, t, amount in ORDER_ENTRY.iter_unpack(orders)
    ]


def pack(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """Return the sections of orders and of statements. `entries` are in the order of (time, fingerprint)."""
    orders = b"".join([ORDER_ENTRY.pack(*entry[:4]) for entry in entries])
    statements = [
        STATEMENT_ENTRY.pack(entry.order, entry.stated_at, entry.refunded)
        for entry in entries
        if not entry.state & WAITS and (entry.refunded or entry.stated_at != entry.t)
    ]
    return orders, b"".join(statements)
