"""Absorption: what each kind of event does to the customers of a working set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_digest

from stream_seg.core.batch import NOWHERE, CustomerBatch
from stream_seg.core.decay import Decay
from stream_seg.core.transitions import Hysteresis

from .events import traits
from .events.deltas import INTERACTIONS_COUNT, Deltas
from .events.orders import OrderBook, Outcome
from .events.recent_ids import FINGERPRINT_BYTES, fingerprint, position
from .events.taxonomy import (
    CHANNEL_SLOT,
    INTERACTION_SLOT,
    INTERACTIONS_TOPIC,
    OTHER_CHANNEL,
    OTHER_INTERACTION,
    PURCHASES_TOPIC,
    category_slot,
)

Event = Mapping[str, Any]

_SLOT_OF_CHANNEL: Final[dict[str | None, int]] = {None: NOWHERE} | dict(CHANNEL_SLOT.items())
# Members of an Enum cost a look-up each time they are named.
_ABSORBED: Final = Outcome.ABSORBED
_REPEATED_ORDER: Final = Outcome.REPEATED_ORDER
_SLOTS_A_VIEW: Final = 3  # kind, channel, category
_SENT: Final = "campaign_received"  # done to a customer, who is not in its channel by that


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment decides: decay, hysteresis, and how much of the past a record remembers."""

    decay: Decay
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    recent_events: int = 8
    recent_orders: int = 3
    minor_per_major: float = 100.0


class Rows(NamedTuple):
    """Validated events of one topic as aligned columns; those of a partition in the order of their offsets.

    `rows` are their customers in the working set, `times` epoch seconds, `amounts` minor units of the base currency
    (0 where an event has none, `orders.ALL_THAT_IS_LEFT` where a refund has none). Events of any topic may carry
    `traits`, an object of scalars.
    """

    rows: Sequence[int]
    offsets: Sequence[int]
    events: Sequence[Event]
    times: Sequence[float]
    amounts: Sequence[int]

    def at(self, positions: Sequence[int]) -> Rows:
        """The events at some positions."""
        if len(positions) == len(self.rows):
            return self
        columns: Any = ([column[at] for at in positions] for column in self)
        return Rows(*columns)


def absorb_rows(rules: Rules, topic: int, said: Rows, held: CustomerBatch) -> tuple[int, list[Outcome]]:
    """Absorb events of one topic (its number).

    Returns how many were replayed (at or below the customer's fence, and skipped), and every outcome of the others
    that is not ABSORBED.
    """
    # A later issue adds deadlines: where an event is past its customer's deadline, the customer is evaluated at the
    # deadline before the event is absorbed. Here is where that happens.
    ahead = _pass_fence(topic, said, held)
    new = _remember(ahead, held, rules.recent_events)
    repeated = [Outcome.REPEATED] * (len(ahead.rows) - len(new.rows))
    if new.rows:
        held.see(np.array(new.rows), np.array(new.times))
        if topic == INTERACTIONS_TOPIC:
            _interact(new, held)
        elif topic == PURCHASES_TOPIC:
            repeated += _purchase(new, held, rules.recent_orders)
        else:
            _profile(new, held)
    return len(said.rows) - len(ahead.rows), repeated


def _pass_fence(topic: int, said: Rows, held: CustomerBatch) -> Rows:
    """Events above the last offset that their customer has absorbed of the topic; the fence moves up to them."""
    rows, offsets, fence = np.array(said.rows), np.array(said.offsets), held["offsets"][:, topic]
    ahead = offsets > fence[rows]
    if not ahead.all():
        said = said.at(np.flatnonzero(ahead).tolist())
        rows, offsets = rows[ahead], offsets[ahead]
    np.maximum.at(fence, rows, offsets)
    return said


def _remember(said: Rows, held: CustomerBatch, keep: int) -> Rows:
    """Events whose id is not among the last `keep` of their customer; they are from now on."""
    recent, kept_bytes = held.recent, -keep * FINGERPRINT_BYTES
    new: list[int] = []
    for at, (row, event) in enumerate(zip(said.rows, said.events, strict=True)):
        mark = xxh3_64_digest(event["event_id"].encode())[:FINGERPRINT_BYTES]
        ring = recent[row]
        if mark in ring and position(ring, mark, FINGERPRINT_BYTES) >= 0:
            continue
        recent[row] = (ring + mark)[kept_bytes:]
        new.append(at)
    return said.at(new)


def _interact(said: Rows, held: CustomerBatch) -> None:
    rows, times = np.array(said.rows), np.array(said.times)
    slot_of, channel_of, causes = INTERACTION_SLOT.get, _SLOT_OF_CHANNEL.get, held.causes
    kinds = [event["type"] for event in said.events]
    slots = [slot_of(kind, OTHER_INTERACTION) for kind in kinds]
    slots += [
        NOWHERE if kind == _SENT else channel_of(event.get("channel"), OTHER_CHANNEL)
        for kind, event in zip(kinds, said.events, strict=True)
    ]
    slots += [
        NOWHERE if (category := event.get("category")) is None else category_slot(category) for event in said.events
    ]
    held.add(np.tile(rows, _SLOTS_A_VIEW), np.array(slots), 1.0, np.tile(times, _SLOTS_A_VIEW))
    held.count(rows, INTERACTIONS_COUNT, 1)
    for row, event, kind, t in zip(said.rows, said.events, kinds, said.times, strict=True):
        causes[row] = event["event_id"], kind
        if "traits" in event:
            _merge_traits(row, event, t, held)


def _purchase(said: Rows, held: CustomerBatch, keep: int) -> list[Outcome]:
    ledger, causes, unusual = Deltas(), held.causes, list[Outcome]()
    book = OrderBook(held.orders, keep, ledger)
    for row, event, t, amount in zip(said.rows, said.events, said.times, said.amounts, strict=True):
        kind, order = event.get("type", "order_completed"), fingerprint(event["order_id"])
        if kind == "order_completed":
            outcome = book.complete(row, order, t, amount)
            if outcome is _ABSORBED:
                held.bought(row).note(t)
                _note_goods(event, row, t, ledger)
        elif kind == "order_refunded":
            outcome = book.refund(row, order, t, amount)
        else:
            outcome = book.cancel(row, order, t, amount)
        if outcome is not _ABSORBED:
            unusual.append(outcome)
        if outcome is not _REPEATED_ORDER:
            causes[row] = event["event_id"], kind
        if "traits" in event:
            _merge_traits(row, event, t, held)
    held.post(ledger)
    return unusual


def _note_goods(event: Event, row: int, t: float, ledger: Deltas) -> None:
    """Where an order was placed, and what for."""
    channel, items = event.get("channel"), event.get("items")
    if channel is not None:
        ledger.sums.append((row, CHANNEL_SLOT.get(channel, OTHER_CHANNEL), 1.0, t))
    if isinstance(items, list):
        for item in items:
            category = item.get("category")
            if category is not None:
                ledger.sums.append((row, category_slot(category), item.get("quantity", 1), t))


def _profile(said: Rows, held: CustomerBatch) -> None:
    for row, event, t in zip(said.rows, said.events, said.times, strict=True):
        _merge_traits(row, event, t, held)
        held.causes[row] = event["event_id"], event["type"]


def _merge_traits(row: int, event: Event, t: float, held: CustomerBatch) -> None:
    held.traits[row] = traits.merge(held.traits[row], event.get("traits") or {}, t, event["event_id"])
