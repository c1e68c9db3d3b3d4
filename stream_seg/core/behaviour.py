"""Behaviour: what one customer did, as counts, money, decayed sums and times, independent of order of arrival."""

from __future__ import annotations

from array import array
from enum import Enum
from math import inf
from struct import Struct
from typing import Final

from xxhash import xxh3_64_digest

from .decay import DAY_S, LANDMARK_SPAN, Decay
from .vocabulary import ORDERS, REFUNDED, SPEND, SUMS, TOPICS

# Days of purchases are kept one by one for a little over a year, so that late purchases on a day already
# counted are recognised; older days are only a number.
DAY_WINDOW: Final = 384
_DAY_MASK: Final = (1 << DAY_WINDOW) - 1

# 48 bits of a hash: among the dozen ids kept, a wrong match comes once in about 2e13 events.
FINGERPRINT_BYTES: Final = 6


class Outcome(Enum):
    """What absorbing one event did."""

    ABSORBED = "absorbed"
    REPEATED = "repeated"  # the event was seen before
    REPEATED_ORDER = "repeated order"  # another event said the same of the same order
    UNMATCHED = "unmatched"  # a refund or cancellation whose order is not known (yet, or any more)


# What an entry of the ring of orders stands for: an order, one that was cancelled, or money taken back
# before its order arrived.
_ORDER, _CANCELLED, _REFUND_WAITS, _CANCEL_WAITS = range(4)
ORDER_ENTRY: Final = Struct("<6sBdII")  # fingerprint, what it is, time, amount, taken back (minor units)


def fingerprint(name: str) -> bytes:
    """Six bytes that stand for an event or order id; the same on every machine."""
    return xxh3_64_digest(name.encode())[:FINGERPRINT_BYTES]


class Behaviour:
    """Counts, money in minor units, decayed sums and times of one customer.

    Methods take the time of the event (epoch seconds) and may be called in any order of time. Times nobody has
    set yet are `inf` (firsts) and `-inf` (lasts).
    """

    __slots__ = (
        "base",
        "boundary",
        "day_bits",
        "days_before",
        "first_purchase",
        "first_seen",
        "interactions",
        "last_purchase",
        "last_seen",
        "offsets",
        "orders",
        "purchases",
        "recent",
        "refunded",
        "refunds",
        "spend",
        "sums",
        "traits",
    )

    def __init__(self) -> None:
        self.offsets = [-1] * len(TOPICS)  # last offset absorbed, by topic
        self.sums = array("d", bytes(8 * SUMS))
        self.purchases = 0  # orders completed, less those cancelled
        self.spend = 0  # minor units, less what was taken back
        self.refunds = 0  # refund events
        self.refunded = 0  # minor units taken back by refunds and cancellations
        self.interactions = 0
        self.first_seen = inf
        self.last_seen = -inf
        self.first_purchase = inf
        self.last_purchase = -inf
        self.days_before = 0  # distinct purchase days older than the window
        self.day_bits = 0  # bit i: a purchase i days before the day of the last one (UTC)
        self.recent = b""  # fingerprints of the last event ids, oldest first
        self.orders = b""  # ORDER_ENTRY of the last orders, oldest first
        self.traits = b""  # JSON, see traits.py
        self.base = 0.0  # half-lives at the landmark that sums count from; follows from last_seen
        self.boundary = -inf  # where the next landmark begins

    @property
    def purchase_days(self) -> int:
        """Distinct UTC days with at least one order."""
        return self.days_before + self.day_bits.bit_count()

    def anchor(self, decay: Decay) -> None:
        """Derive from `last_seen` which landmark the sums count from."""
        if self.last_seen > -inf:
            landmark = decay.landmark(self.last_seen)
            self.base = landmark * LANDMARK_SPAN
            self.boundary = (landmark + 1) * LANDMARK_SPAN * decay.half_life_s

    def see(self, t: float, decay: Decay) -> float:
        """Note that something happened at `t`; returns the weight of an event at that time."""
        if t > self.last_seen:
            self.last_seen = t
            if t >= self.boundary:
                self.move_landmark(decay)
        if t < self.first_seen:
            self.first_seen = t
        return float(2.0 ** (t / decay.half_life_s - self.base))

    def remember(self, mark: bytes, keep: int) -> bool:
        """Whether an event with this fingerprint is new; keeps the last `keep` of them."""
        if _position(self.recent, mark, FINGERPRINT_BYTES) >= 0:
            return False
        self.recent = (self.recent + mark)[-keep * FINGERPRINT_BYTES :]
        return True

    def complete_order(self, t: float, weight: float, order: bytes, amount: int, keep: int, decay: Decay) -> Outcome:
        """Absorb an order of `amount` minor units, and whatever was taken back before it arrived."""
        at = _position(self.orders, order, ORDER_ENTRY.size)
        state, taken = _ORDER, 0
        while at >= 0:
            _, waiting, back_t, back, _ = ORDER_ENTRY.unpack_from(self.orders, at)
            if waiting in (_ORDER, _CANCELLED):
                return Outcome.REPEATED_ORDER
            self._take_back(-back, self._weight(back_t, decay))
            taken += back
            state = max(state, _CANCELLED if waiting == _CANCEL_WAITS else _ORDER)
            self.orders = self.orders[:at] + self.orders[at + ORDER_ENTRY.size :]
            at = _position(self.orders, order, ORDER_ENTRY.size)
        taken = amount if state == _CANCELLED else min(taken, amount)
        self._keep_order(ORDER_ENTRY.pack(order, state, t, amount, taken), keep)
        self._note_purchase_day(t)
        sums = self.sums
        if state == _ORDER:
            self.purchases += 1
            sums[ORDERS] += weight
        self.spend += amount
        sums[SPEND] += amount * weight
        if taken:
            self._take_back(taken, weight)
        return Outcome.ABSORBED

    def refund_order(self, t: float, weight: float, order: bytes, amount: int, keep: int, decay: Decay) -> Outcome:
        """Take back `amount` minor units of an order, at the time of the order where that is known."""
        self.refunds += 1
        at = _position(self.orders, order, ORDER_ENTRY.size)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(self.orders, at)
            if state in (_ORDER, _CANCELLED):
                more = min(amount, ordered - taken)
                self._put_order(at, ORDER_ENTRY.pack(order, state, order_t, ordered, taken + more))
                self._take_back(more, self._weight(order_t, decay))
                return Outcome.ABSORBED
        return self._wait_for_order(order, _REFUND_WAITS, t, weight, amount, keep)

    def cancel_order(self, t: float, weight: float, order: bytes, amount: int, keep: int, decay: Decay) -> Outcome:
        """Take back a whole order; `amount` counts only while the order itself is not known."""
        at = _position(self.orders, order, ORDER_ENTRY.size)
        if at >= 0:
            _, state, order_t, ordered, taken = ORDER_ENTRY.unpack_from(self.orders, at)
            if state == _CANCELLED:
                return Outcome.REPEATED_ORDER
            if state == _ORDER:
                order_weight = self._weight(order_t, decay)
                self._put_order(at, ORDER_ENTRY.pack(order, _CANCELLED, order_t, ordered, ordered))
                self.purchases -= 1
                self.sums[ORDERS] -= order_weight
                self._take_back(ordered - taken, order_weight)
                return Outcome.ABSORBED
        return self._wait_for_order(order, _CANCEL_WAITS, t, weight, amount, keep)

    def _wait_for_order(self, order: bytes, state: int, t: float, weight: float, amount: int, keep: int) -> Outcome:
        self._take_back(amount, weight)
        self._keep_order(ORDER_ENTRY.pack(order, state, t, amount, 0), keep)
        return Outcome.UNMATCHED

    def _take_back(self, amount: int, weight: float) -> None:
        self.spend -= amount
        self.refunded += amount
        self.sums[SPEND] -= amount * weight
        self.sums[REFUNDED] += amount * weight

    def _keep_order(self, entry: bytes, keep: int) -> None:
        self.orders = (self.orders + entry)[-keep * ORDER_ENTRY.size :]

    def _put_order(self, at: int, entry: bytes) -> None:
        self.orders = self.orders[:at] + entry + self.orders[at + ORDER_ENTRY.size :]

    def _weight(self, t: float, decay: Decay) -> float:
        return float(2.0 ** (t / decay.half_life_s - self.base))

    def _note_purchase_day(self, t: float) -> None:
        if t < self.first_purchase:
            self.first_purchase = t
        day, newest = int(t // DAY_S), self.last_purchase
        if t > newest:
            self.last_purchase = t
            ahead = day - int(newest // DAY_S) if newest > -inf else 0
            if ahead >= DAY_WINDOW:
                self.days_before += self.day_bits.bit_count()
                self.day_bits = 1
            else:
                bits = self.day_bits << ahead | 1
                self.days_before += (bits >> DAY_WINDOW).bit_count()
                self.day_bits = bits & _DAY_MASK
        else:
            behind = int(newest // DAY_S) - day
            if behind < DAY_WINDOW:
                self.day_bits |= 1 << behind

    def move_landmark(self, decay: Decay) -> None:
        """Let sums count from the landmark of `last_seen`, which has just passed the boundary."""
        before, known = self.base, self.boundary > -inf
        self.anchor(decay)
        if known:
            scale = 2.0 ** (before - self.base)
            self.sums = array("d", [value * scale for value in self.sums])


def _position(ring: bytes, mark: bytes, width: int) -> int:
    """Where the entry that begins with `mark` starts in a ring of entries of `width` bytes, or -1."""
    at = ring.find(mark)
    while at >= 0 and at % width:
        at = ring.find(mark, at + 1)
    return at
