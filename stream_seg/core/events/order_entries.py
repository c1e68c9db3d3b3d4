"""Statements about orders, and the entries of a record that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from struct import Struct
from typing import Any, Final, NamedTuple

# The amount of a refund that takes back the rest of its order.
ALL_THAT_IS_LEFT: Final = -1

# Fingerprint, state, time, time of the latest statement, start of its event id, amount, and refunds as stated. Amounts
# are minor units.
ORDER_ENTRY: Final = Struct("<6sBdd8sII")
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


class Statement(NamedTuple):
    """The statement of one event about an order. Times are epoch seconds, `amount` is minor units.

    Of several statements, the one with the greatest (stated_at, event, amount) counts. The order has the earliest `t`.
    """

    order: bytes
    t: float
    stated_at: float
    event: bytes
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
            event["event_id"].encode()[:8],
            amount,
            bool(event.get("discount") or event.get("coupon")),
        )


class Entry(NamedTuple):
    """The unpacked form of `ORDER_ENTRY`."""

    order: bytes
    state: int
    t: float
    stated_at: float
    event: bytes
    amount: int
    refunded: int  # as stated, which may be more than the amount

    @property
    def taken(self) -> int:
        """The minor units taken back."""
        if self.state & WAITS:
            return self.refunded
        return self.amount if self.state & (CANCELLED | REST_REFUNDED) else min(self.refunded, self.amount)

    @property
    def counts(self) -> bool:
        """Whether this is an order that was not cancelled."""
        return not self.state & (WAITS | CANCELLED)
