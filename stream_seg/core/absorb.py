"""Absorption: applies events of each type to the customers of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from stream_seg.core.batch import NOWHERE, CustomerBatch
from stream_seg.core.decay import DAY_S, Decay

from .events import traits
from .events.categories import CategoryNames
from .events.deltas import INTERACTIONS_COUNT, UNITS, Deltas
from .events.order_entries import Outcome, Statement, at_discount
from .events.orders import OrderBook
from .events.recent_ids import FINGERPRINT_BYTES, fingerprint, position
from .events.taxonomy import (
    CHANNEL_SLOT,
    INTERACTION_SLOT,
    INTERACTIONS_TOPIC,
    OTHER_CHANNEL,
    OTHER_INTERACTION,
    PURCHASES_TOPIC,
)

Event = Mapping[str, Any]

_SLOT_OF_CHANNEL: Final[dict[str | None, int]] = {None: NOWHERE} | dict(CHANNEL_SLOT.items())
# Looking up a member of an Enum costs time on every use.
_ABSORBED: Final = Outcome.ABSORBED
_WITHOUT_EFFECT: Final = (Outcome.REPEATED_ORDER, Outcome.REPEATED_REFUND)
_SLOTS_PER_INTERACTION: Final = 2  # type and channel
_SENT: Final = "campaign_received"  # no act of the customer, so its channel does not count

# Event ids that a record remembers. After a silence of QUIET_S, the ids from before it are cut to a few.
REMEMBERED_EVENTS: Final = 128
REMEMBERED_WHEN_QUIET: Final = 16
QUIET_S: Final = DAY_S
_REMEMBERED: Final = REMEMBERED_EVENTS * FINGERPRINT_BYTES
_KEPT_WHEN_QUIET: Final = REMEMBERED_WHEN_QUIET * FINGERPRINT_BYTES


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a deployment: the decay of sums, and the minor units in one major unit of money."""

    decay: Decay
    minor_per_major: float = 100.0


class Rows(NamedTuple):
    """Validated events of one topic as aligned columns. Events of one partition are in the order of their offsets.

    `rows` are their customers in the batch, `times` epoch seconds, `amounts` minor units of the base currency. An event
    without an amount has 0, a refund without one `ALL_THAT_IS_LEFT`. `arrived` are the times of arrival, epoch
    seconds, with which the memory of event ids is cut. Events of any topic may carry `traits`, an object of scalars.
    """

    rows: Sequence[int]
    offsets: Sequence[int]
    events: Sequence[Event]
    times: Sequence[float]
    amounts: Sequence[int]
    arrived: Sequence[float]

    def at(self, positions: Sequence[int]) -> Rows:
        """Return the events at some positions."""
        if len(positions) == len(self.rows):
            return self
        columns: Any = ([column[at] for at in positions] for column in self)
        return Rows(*columns)


def absorb_rows(
    topic: int, incoming: Rows, batch: CustomerBatch, categories: Sequence[CategoryNames]
) -> tuple[int, list[Outcome]]:
    """Absorb events of one topic, given by its number, into a batch.

    `categories` has, by row, the names of categories in the customer's partition.

    Returns the number of replayed events, which are at or below the customer's fence and are skipped, and every outcome
    of the others that is not ABSORBED.
    """
    ahead = _pass_fence(topic, incoming, batch)
    new = _remember(ahead, batch)
    unusual = [Outcome.REPEATED] * (len(ahead.rows) - len(new.rows))
    if new.rows:
        batch.see(np.array(new.rows), np.array(new.times))
        if topic == INTERACTIONS_TOPIC:
            _interact(new, batch, categories)
        elif topic == PURCHASES_TOPIC:
            unusual += _purchase(new, batch, categories)
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


def _remember(incoming: Rows, batch: CustomerBatch) -> Rows:
    """Return the events whose id is not remembered, and remember their ids.

    A customer who has been silent for QUIET_S keeps fewer ids, because events are repeated soon or never.
    """
    recent, new, newest = batch.recent, list[int](), dict[int, float]()
    seen = batch["last_seen"][np.array(incoming.rows, np.intp)].tolist()
    columns = zip(incoming.rows, incoming.events, incoming.times, incoming.arrived, seen, strict=True)
    for at, (row, event, t, arrived, seen_before) in enumerate(columns):
        digest, ring = xxh3_64_digest(event["event_id"].encode())[:FINGERPRINT_BYTES], recent[row]
        if digest in ring and position(ring, digest, FINGERPRINT_BYTES) >= 0:
            continue
        last = newest.get(row, seen_before)
        if arrived - last > QUIET_S:
            ring = ring[-_KEPT_WHEN_QUIET:]
        recent[row] = (ring + digest)[-_REMEMBERED:]
        newest[row] = t if t > last else last
        new.append(at)
    return incoming.at(new)


def _interact(incoming: Rows, batch: CustomerBatch, categories: Sequence[CategoryNames]) -> None:
    """Count interactions, and add them to the slots of their type and channel, and to their category."""
    rows, times = np.array(incoming.rows), np.array(incoming.times)
    slot_of, channel_of, causes = INTERACTION_SLOT.get, _SLOT_OF_CHANNEL.get, batch.causes
    types = [event["type"] for event in incoming.events]
    slots = [slot_of(kind, OTHER_INTERACTION) for kind in types]
    slots += [
        NOWHERE if kind == _SENT else channel_of(event.get("channel"), OTHER_CHANNEL)
        for kind, event in zip(types, incoming.events, strict=True)
    ]
    batch.add(np.tile(rows, _SLOTS_PER_INTERACTION), np.array(slots), 1.0, np.tile(times, _SLOTS_PER_INTERACTION))
    batch.count(rows, INTERACTIONS_COUNT, 1)
    acts = np.array(slots[: len(rows)]) != INTERACTION_SLOT[_SENT]
    batch.visit(rows[acts], times[acts])
    batch.goods += (
        (row, categories[row].id_of(category), 1.0, t, 0)
        for row, event, t in zip(incoming.rows, incoming.events, incoming.times, strict=True)
        if (category := event.get("category")) is not None
    )
    for row, event, kind, t in zip(incoming.rows, incoming.events, types, incoming.times, strict=True):
        causes[row] = event["event_id"], kind
        if kind == _SENT or "rating" in event or "traits" in event:
            _note_details(row, event, kind, t, batch)


def _note_details(row: int, event: Event, kind: str, t: float, batch: CustomerBatch) -> None:
    """Note the campaign, the rating and the traits of an interaction."""
    campaign, rating = event.get("campaign_id"), event.get("rating")
    if kind == _SENT and campaign is not None:
        sent = (t, xxh3_64_intdigest(campaign.encode()) % 2**32)
        if sent > (batch["campaign_at"][row], batch["campaign"][row]):
            batch["campaign_at"][row], batch["campaign"][row] = sent
    if rating is not None:
        batch["rating_sum"][row] += rating
        batch["ratings"][row] += 1
    if "traits" in event:
        _merge_traits(row, event, t, batch)


def _purchase(incoming: Rows, batch: CustomerBatch, categories: Sequence[CategoryNames]) -> list[Outcome]:
    """Apply orders, refunds and cancellations. Return every outcome that is not ABSORBED."""
    deltas, causes, unusual = Deltas(), batch.causes, list[Outcome]()
    book = OrderBook(batch, deltas)
    for row, event, t, amount in zip(incoming.rows, incoming.events, incoming.times, incoming.amounts, strict=True):
        kind, order = event.get("type", "order_completed"), fingerprint(event["order_id"])
        if kind == "order_refunded":
            outcome = book.refund(row, order, t, amount, event.get("refund_id"), event.get("order_at"))
        elif kind == "order_cancelled":
            outcome = book.cancel(row, order, t, amount, event.get("order_at"))
        else:
            if "updated_at" in event or "order_at" in event:
                outcome = book.complete(row, Statement.of(event, order, t, amount))
            else:
                outcome = book.place(row, order, t, amount, at_discount(event))
            if outcome is _ABSORBED:
                _note_goods(event, row, t, deltas, batch, categories[row])
        if outcome is not _ABSORBED:
            unusual.append(outcome)
        if outcome not in _WITHOUT_EFFECT:
            causes[row] = event["event_id"], kind
        if "traits" in event:
            _merge_traits(row, event, t, batch)
    batch.post(deltas)
    return unusual


def _note_goods(
    event: Event, row: int, t: float, deltas: Deltas, batch: CustomerBatch, categories: CategoryNames
) -> None:
    """Add the channel of an order, its units, and the categories of its goods."""
    channel, items = event.get("channel"), event.get("items")
    if channel is not None:
        deltas.sums.append((row, CHANNEL_SLOT.get(channel, OTHER_CHANNEL), 1.0, t))
    if not isinstance(items, list):
        return
    total, goods, id_of = 0, batch.goods, categories.id_of
    for item in items:
        quantity = item.get("quantity", 1)
        units = round(quantity)
        total += units
        category = item.get("category")
        if category is not None:
            goods.append((row, id_of(category), quantity, t, units))
    deltas.counts.append((row, UNITS, total))


def _update_profile(incoming: Rows, batch: CustomerBatch) -> None:
    """Merge the traits of profile events."""
    for row, event, t in zip(incoming.rows, incoming.events, incoming.times, strict=True):
        _merge_traits(row, event, t, batch)
        batch.causes[row] = event["event_id"], event["type"]


def _merge_traits(row: int, event: Event, t: float, batch: CustomerBatch) -> None:
    batch.traits[row] = traits.merge(batch.traits[row], event.get("traits") or {}, t, event["event_id"])
