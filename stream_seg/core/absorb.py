"""Absorption: applies events of each type to the customers of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_digest

from stream_seg.core.batch import NOWHERE, CustomerBatch
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.behavior import Hysteresis

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
    CategoryNames,
    category_slot,
)

Event = Mapping[str, Any]

_SLOT_OF_CHANNEL: Final[dict[str | None, int]] = {None: NOWHERE} | dict(CHANNEL_SLOT.items())
# Looking up a member of an Enum costs time on every use.
_ABSORBED: Final = Outcome.ABSORBED
_REPEATED_ORDER: Final = Outcome.REPEATED_ORDER
_SLOTS_PER_INTERACTION: Final = 3  # type, channel, category
_SENT: Final = "campaign_received"  # no act of the customer, so its channel does not count


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a deployment: decay, hysteresis, and how many events and orders a record remembers."""

    decay: Decay
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    recent_events: int = 8
    recent_orders: int = 3
    minor_per_major: float = 100.0


class Rows(NamedTuple):
    """Validated events of one topic as aligned columns. Events of one partition are in the order of their offsets.

    `rows` are their customers in the batch, `times` epoch seconds, `amounts` minor units of the base currency. An event
    without an amount has 0, a refund without one `orders.ALL_THAT_IS_LEFT`. Events of any topic may carry `traits`, an
    object of scalars.
    """

    rows: Sequence[int]
    offsets: Sequence[int]
    events: Sequence[Event]
    times: Sequence[float]
    amounts: Sequence[int]

    def at(self, positions: Sequence[int]) -> Rows:
        """Return the events at some positions."""
        if len(positions) == len(self.rows):
            return self
        columns: Any = ([column[at] for at in positions] for column in self)
        return Rows(*columns)


def absorb_rows(
    rules: Rules, topic: int, incoming: Rows, batch: CustomerBatch, categories: CategoryNames
) -> tuple[int, list[Outcome]]:
    """Absorb events of one topic, given by its number, into a batch, and note their categories.

    Returns the number of replayed events, which are at or below the customer's fence and are skipped, and every outcome
    of the others that is not ABSORBED.
    """
    ahead = _pass_fence(topic, incoming, batch)
    new = _remember(ahead, batch, rules.recent_events)
    unusual = [Outcome.REPEATED] * (len(ahead.rows) - len(new.rows))
    if new.rows:
        batch.see(np.array(new.rows), np.array(new.times))
        if topic == INTERACTIONS_TOPIC:
            _interact(new, batch, categories)
        elif topic == PURCHASES_TOPIC:
            unusual += _purchase(new, batch, rules.recent_orders, categories)
        else:
            _update_profile(new, batch)
    return len(incoming.rows) - len(ahead.rows), unusual


def _pass_fence(topic: int, incoming: Rows, batch: CustomerBatch) -> Rows:
    """Return the events above the fence of their customer, and move the fence up to them."""
    rows, offsets, fence = np.array(incoming.rows), np.array(incoming.offsets), batch["offsets"][:, topic]
    ahead = offsets > fence[rows]
    if not ahead.all():
        incoming = incoming.at(np.flatnonzero(ahead).tolist())
        rows, offsets = rows[ahead], offsets[ahead]
    np.maximum.at(fence, rows, offsets)
    return incoming


def _remember(incoming: Rows, batch: CustomerBatch, keep: int) -> Rows:
    """Return the events whose id is not among the last `keep` of their customer, and remember their ids."""
    recent, kept_bytes = batch.recent, -keep * FINGERPRINT_BYTES
    new: list[int] = []
    for at, (row, event) in enumerate(zip(incoming.rows, incoming.events, strict=True)):
        digest = xxh3_64_digest(event["event_id"].encode())[:FINGERPRINT_BYTES]
        ring = recent[row]
        if digest in ring and position(ring, digest, FINGERPRINT_BYTES) >= 0:
            continue
        recent[row] = (ring + digest)[kept_bytes:]
        new.append(at)
    return incoming.at(new)


def _interact(incoming: Rows, batch: CustomerBatch, categories: CategoryNames) -> None:
    """Count interactions, and add them to the slots of their type, channel and category."""
    rows, times = np.array(incoming.rows), np.array(incoming.times)
    slot_of, channel_of, causes = INTERACTION_SLOT.get, _SLOT_OF_CHANNEL.get, batch.causes
    types = [event["type"] for event in incoming.events]
    named = [event.get("category") for event in incoming.events]
    categories.note(dict.fromkeys(category for category in named if category is not None))
    slots = [slot_of(kind, OTHER_INTERACTION) for kind in types]
    slots += [
        NOWHERE if kind == _SENT else channel_of(event.get("channel"), OTHER_CHANNEL)
        for kind, event in zip(types, incoming.events, strict=True)
    ]
    slots += [NOWHERE if category is None else category_slot(category) for category in named]
    batch.add(np.tile(rows, _SLOTS_PER_INTERACTION), np.array(slots), 1.0, np.tile(times, _SLOTS_PER_INTERACTION))
    batch.count(rows, INTERACTIONS_COUNT, 1)
    for row, event, kind, t in zip(incoming.rows, incoming.events, types, incoming.times, strict=True):
        causes[row] = event["event_id"], kind
        if "traits" in event:
            _merge_traits(row, event, t, batch)


def _purchase(incoming: Rows, batch: CustomerBatch, keep: int, categories: CategoryNames) -> list[Outcome]:
    """Apply orders, refunds and cancellations. Return every outcome that is not ABSORBED."""
    deltas, causes, unusual = Deltas(), batch.causes, list[Outcome]()
    book = OrderBook(batch.orders, keep, deltas)
    for row, event, t, amount in zip(incoming.rows, incoming.events, incoming.times, incoming.amounts, strict=True):
        kind, order = event.get("type", "order_completed"), fingerprint(event["order_id"])
        if kind == "order_completed":
            outcome = book.complete(row, order, t, amount)
            if outcome is _ABSORBED:
                batch.bought(row).note(t)
                _note_goods(event, row, t, deltas, categories)
        elif kind == "order_refunded":
            outcome = book.refund(row, order, t, amount)
        else:
            outcome = book.cancel(row, order, t, amount)
        if outcome is not _ABSORBED:
            unusual.append(outcome)
        if outcome is not _REPEATED_ORDER:
            causes[row] = event["event_id"], kind
        if "traits" in event:
            _merge_traits(row, event, t, batch)
    batch.post(deltas)
    return unusual


def _note_goods(event: Event, row: int, t: float, deltas: Deltas, categories: CategoryNames) -> None:
    """Add deltas for the channel of an order and the categories of its goods."""
    channel, items = event.get("channel"), event.get("items")
    if channel is not None:
        deltas.sums.append((row, CHANNEL_SLOT.get(channel, OTHER_CHANNEL), 1.0, t))
    if isinstance(items, list):
        for item in items:
            category = item.get("category")
            if category is not None:
                categories.note((category,))
                deltas.sums.append((row, category_slot(category), item.get("quantity", 1), t))


def _update_profile(incoming: Rows, batch: CustomerBatch) -> None:
    """Merge the traits of profile events."""
    for row, event, t in zip(incoming.rows, incoming.events, incoming.times, strict=True):
        _merge_traits(row, event, t, batch)
        batch.causes[row] = event["event_id"], event["type"]


def _merge_traits(row: int, event: Event, t: float, batch: CustomerBatch) -> None:
    batch.traits[row] = traits.merge(batch.traits[row], event.get("traits") or {}, t, event["event_id"])
