"""Orders: completing, editing, refunding and cancelling them, in every order of arrival.

A record remembers a customer's newest orders one by one, with the latest statement about each. Older ones become tiles.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from struct import Struct
from typing import Final, Protocol

from xxhash import xxh3_64_digest

from stream_seg.core.decay import DAY_S

from . import order_tiles
from .deltas import COUPON_ORDERS, PURCHASES_COUNT, REFUNDS, SPENT, Deltas
from .order_entries import (
    ALL_THAT_IS_LEFT,
    AT_DISCOUNT,
    CANCELLED,
    ORDER_ENTRY,
    REFUND_ENTRY,
    REST_REFUNDED,
    WAITS,
    Entry,
    Outcome,
    Statement,
    pack,
    unpack,
)
from .purchase_days import PurchaseDays
from .recent_ids import FINGERPRINT_BYTES, position
from .taxonomy import DISCOUNTED, ORDERS, SPEND

# Orders, and refunds and cancellations that wait for their order, that a record remembers one by one.
REMEMBERED_ORDERS: Final = 32
# Refund ids that are remembered per order.
REMEMBERED_REFUNDS: Final = 4

_WIDTH: Final = ORDER_ENTRY.size
_FULL: Final = REMEMBERED_ORDERS * _WIDTH
_TIME: Final = Struct("<d")
_TIME_AT: Final = FINGERPRINT_BYTES + 1
_MOST: Final = 2**32 - 1
# Looking up a member of an Enum costs time on every use.
_ABSORBED: Final = Outcome.ABSORBED


class OrderRows(Protocol):
    """The part of a `CustomerBatch` that orders change, by row."""

    orders: list[bytes]
    statements: list[bytes]
    refund_ids: list[bytes]
    tiles: list[bytes]

    def bought(self, row: int) -> PurchaseDays:
        """Return the purchase days of a customer, to change them."""


class OrderBook:
    """The remembered orders of many customers.

    Changes of money and counts go to `deltas`. The methods take the row of a customer, the fingerprint of an order, the
    time of the event (epoch seconds) and an amount in minor units.
    """

    def __init__(self, batch: OrderRows, deltas: Deltas) -> None:
        self._batch = batch
        self._orders = batch.orders
        self._deltas = deltas

    def place(self, row: int, order: bytes, t: float, amount: int, at_discount: bool) -> Outcome:
        """Do `complete` with the usual statement, which gives no other time, in the cheapest way.

        The newest order is appended, and one older than all remembered ones goes to its tile at once.
        """
        ring = self._orders[row]
        newest = not ring or _TIME.unpack_from(ring, len(ring) - _WIDTH + _TIME_AT)[0] < t
        oldest = len(ring) >= _FULL and t < _TIME.unpack_from(ring, _TIME_AT)[0]
        if not (newest or oldest) or order in ring:
            return self.complete(row, Statement(order, t, t, amount, at_discount))
        state, deltas = AT_DISCOUNT if at_discount else 0, self._deltas
        deltas.counts += ((row, SPENT, amount), (row, PURCHASES_COUNT, 1))
        deltas.sums += ((row, SPEND, amount, t), (row, ORDERS, 1, t))
        if at_discount:
            deltas.counts.append((row, COUPON_ORDERS, 1))
            deltas.sums.append((row, DISCOUNTED, amount, t))
        days = self._batch.bought(row)
        days.note(t)
        if oldest:
            self._forget(row, Entry(order, state, t, amount, t))
            return _ABSORBED
        self._orders[row] = ring = ring + ORDER_ENTRY.pack(order, state, t, amount)
        if len(ring) > _FULL:
            self._forget_first(row, ring, days.last)
        return _ABSORBED

    def complete(self, row: int, statement: Statement) -> Outcome:
        """Count an order, or edit a known one. Apply the refunds and the cancellation that arrived before it."""
        state, refunded = AT_DISCOUNT if statement.at_discount else 0, 0
        if statement.order in self._orders[row] and (known := self._known(row, statement.order)):
            if not known[0].state & WAITS:
                return self._edit(row, known[0], statement)
            for waiting in known:
                self._post(row, waiting, -1)
                state |= waiting.state & (CANCELLED | REST_REFUNDED)
                refunded += 0 if waiting.state & CANCELLED else waiting.amount
            self._change(row, remove=known)
        entry = Entry(statement.order, state, statement.t, statement.amount, statement.stated_at, min(refunded, _MOST))
        if entry.counts:
            self._batch.bought(row).note(entry.t)
        self._post(row, entry, 1)
        self._change(row, add=entry)
        return _ABSORBED

    def refund(
        self, row: int, order: bytes, t: float, amount: int, refund_id: str | None = None, order_at: float | None = None
    ) -> Outcome:
        """Take back `amount` of an order, or ALL_THAT_IS_LEFT, at the time of the order as far as it is known."""
        ids = b"" if refund_id is None else REFUND_ENTRY.pack(order, xxh3_64_digest(refund_id.encode())[:4])
        known = self._known(row, order) if order in self._orders[row] else []
        if known and ids and position(self._batch.refund_ids[row], ids, REFUND_ENTRY.size) >= 0:
            return Outcome.REPEATED_REFUND
        self._deltas.counts.append((row, REFUNDS, 1))
        if known and not known[0].state & WAITS:
            self._remember_refund(row, order, ids)
            entry = known[0]
            if amount == ALL_THAT_IS_LEFT:
                self._replace(row, entry, entry._replace(state=entry.state | REST_REFUNDED))
            else:
                self._replace(row, entry, entry._replace(refunded=min(entry.refunded + amount, _MOST)))
            return _ABSORBED
        at = t if order_at is None else order_at
        if self._may_come(row, at):
            self._remember_refund(row, order, ids)
            state = WAITS | REST_REFUNDED if amount == ALL_THAT_IS_LEFT else WAITS
            self._wait(row, Entry(order, state, at, max(amount, 0), at))
        else:
            self._take_from_tiles(row, at, amount, order_at)
        return Outcome.NOTHING_TAKEN if amount == ALL_THAT_IS_LEFT else Outcome.UNMATCHED

    def cancel(self, row: int, order: bytes, t: float, amount: int, order_at: float | None = None) -> Outcome:
        """Take back all of an order, as if it had never been placed.

        `amount` counts while the order is not known. The largest of several amounts counts then.
        """
        known = self._known(row, order) if order in self._orders[row] else []
        at = t if order_at is None else order_at
        for cancelled in (each for each in known if each.state & CANCELLED):
            if cancelled.state & WAITS and (amount, at) > (cancelled.amount, cancelled.t):
                self._replace(row, cancelled, cancelled._replace(t=at, stated_at=at, amount=amount))
            return Outcome.REPEATED_ORDER
        if known and not known[0].state & WAITS:
            entry = known[0]
            self._replace(row, entry, entry._replace(state=entry.state | CANCELLED))
            self._take_off(row, entry.t)
            return _ABSORBED
        if self._may_come(row, at):
            self._wait(row, Entry(order, WAITS | CANCELLED, at, amount, at))
        else:
            self._take_from_tiles(row, at, amount, order_at)
            if order_at is not None:
                self._cancel_in_tiles(row, order_at)
        return Outcome.UNMATCHED

    def _edit(self, row: int, entry: Entry, statement: Statement) -> Outcome:
        """Take over the parts of a further statement that count."""
        new = entry._replace(t=min(entry.t, statement.t))
        known = entry.stated_at, entry.amount, bool(entry.state & AT_DISCOUNT)
        if (statement.stated_at, statement.amount, statement.at_discount) > known:
            state = entry.state & ~AT_DISCOUNT | (AT_DISCOUNT if statement.at_discount else 0)
            new = new._replace(stated_at=statement.stated_at, amount=statement.amount, state=state)
        if new == entry:
            return Outcome.REPEATED_ORDER
        self._replace(row, entry, new)
        if new.t < entry.t and new.counts:
            self._batch.bought(row).note(new.t)
            self._take_off(row, entry.t)
        return Outcome.REPEATED_ORDER if (new.t, new.amount) == (entry.t, entry.amount) else Outcome.EDITED

    def _post(self, row: int, entry: Entry, sign: int) -> None:
        """Add the effect of an entry to the deltas, or take it away with -1 as `sign`."""
        deltas, state, t = self._deltas, entry.state, entry.t
        if not state & WAITS:
            deltas.counts.append((row, SPENT, sign * entry.amount))
            deltas.sums.append((row, SPEND, sign * entry.amount, t))
            if not state & CANCELLED:
                deltas.counts.append((row, PURCHASES_COUNT, sign))
                deltas.sums.append((row, ORDERS, sign, t))
                if state & AT_DISCOUNT:
                    deltas.counts.append((row, COUPON_ORDERS, sign))
                    deltas.sums.append((row, DISCOUNTED, sign * entry.amount, t))
        taken = entry.taken
        if taken:
            deltas.take_back(row, sign * taken, t)

    def _entries(self, row: int) -> list[Entry]:
        return unpack(self._orders[row], self._batch.statements[row])

    def _known(self, row: int, order: bytes) -> list[Entry]:
        """Return the entries of an order: one of the order itself, or all that wait for it."""
        return [entry for entry in self._entries(row) if entry.order == order]

    def _replace(self, row: int, entry: Entry, new: Entry) -> None:
        self._post(row, entry, -1)
        self._post(row, new, 1)
        self._change(row, remove=[entry], add=new)

    def _change(self, row: int, *, remove: Collection[Entry] = (), add: Entry | None = None) -> None:
        """Remove and add entries, and forget the first one if there are too many."""
        entries = [entry for entry in self._entries(row) if entry not in remove]
        if add is not None:
            entries.append(add)
            entries.sort(key=_in_time)
        forgotten, kept = entries[:-REMEMBERED_ORDERS], entries[-REMEMBERED_ORDERS:]
        self._orders[row], self._batch.statements[row] = pack(kept)
        for entry in forgotten:
            self._forget(row, entry)

    def _forget(self, row: int, entry: Entry) -> None:
        """Keep an entry that fell out of the remembered ones as part of a tile.

        Cancelled orders and refunds add an empty tile, because tiles tell that something was forgotten.
        """
        batch, kept = self._batch, entry.amount - entry.taken if entry.counts else 0
        batch.tiles[row] = order_tiles.add(
            batch.tiles[row], entry.t, int(entry.counts), kept, max(batch.bought(row).last, entry.t)
        )
        ids, size = batch.refund_ids[row], REFUND_ENTRY.size
        if entry.order in ids and not self._known(row, entry.order):
            entries = (ids[at : at + size] for at in range(0, len(ids), size))
            batch.refund_ids[row] = b"".join(each for each in entries if not each.startswith(entry.order))

    def _forget_first(self, row: int, ring: bytes, newest: float) -> None:
        """Forget the first entry of a ring. Most are orders that were stated once, which need no `Entry`."""
        batch = self._batch
        order, state, t, amount = ORDER_ENTRY.unpack_from(ring)
        if state & ~AT_DISCOUNT or order in batch.statements[row] or order in batch.refund_ids[row]:
            self._change(row)
            return
        self._orders[row] = ring[_WIDTH:]
        batch.tiles[row] = order_tiles.add(batch.tiles[row], t, 1, amount, newest)

    def _remember_refund(self, row: int, order: bytes, ids: bytes) -> None:
        """Remember a refund id with its order. With more than four, the earliest is forgotten."""
        if not ids:
            return
        section, size = self._batch.refund_ids[row] + ids, REFUND_ENTRY.size
        entries = [section[at : at + size] for at in range(0, len(section), size)]
        mine = [each for each in entries if each.startswith(order)]
        if len(mine) > REMEMBERED_REFUNDS:
            entries.remove(mine[0])
        self._batch.refund_ids[row] = b"".join(entries)

    def _may_come(self, row: int, at: float) -> bool:
        """Return whether an unknown order of the time `at` may still arrive, because it cannot have been forgotten."""
        ring = self._orders[row]
        return not self._batch.tiles[row] or (bool(ring) and at > _TIME.unpack_from(ring, _TIME_AT)[0])

    def _wait(self, row: int, entry: Entry) -> None:
        self._post(row, entry, 1)
        self._change(row, add=entry)

    def _take_from_tiles(self, row: int, at: float, amount: int, order_at: float | None) -> None:
        """Take back money of a forgotten order, at most as much as the tiles hold."""
        if amount <= 0:
            return
        day = None if order_at is None else int(order_at // DAY_S)
        self._batch.tiles[row], taken = order_tiles.take(self._batch.tiles[row], day, amount)
        if taken:
            self._deltas.take_back(row, taken, at)

    def _cancel_in_tiles(self, row: int, t: float) -> None:
        self._batch.tiles[row], found = order_tiles.cancel(self._batch.tiles[row], int(t // DAY_S))
        if found:
            self._deltas.counts.append((row, PURCHASES_COUNT, -1))
            self._deltas.sums.append((row, ORDERS, -1.0, t))

    def _take_off(self, row: int, t: float) -> None:
        """Remove the purchase at `t` from the purchase days, as far as remembered orders and tiles tell."""
        days, tiles = self._batch.bought(row), self._batch.tiles[row]
        others = [entry.t for entry in self._entries(row) if entry.counts]
        last = max(others, default=order_tiles.latest(tiles))
        if last is None:
            return
        day = int(t // DAY_S)
        if all(other // DAY_S != day for other in others) and not order_tiles.holds_day(tiles, day):
            days.remove(day)
        if t >= days.last:
            days.end_at(last)
        if t <= days.first and not tiles:
            days.first = min(others, default=inf)


def _in_time(entry: Entry) -> tuple[float, bytes]:
    return entry.t, entry.order
