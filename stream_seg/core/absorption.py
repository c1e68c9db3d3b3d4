"""Absorption: what each kind of event does to a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from xxhash import xxh3_64_digest

from . import traits
from .behaviour import FINGERPRINT_BYTES, Behaviour, Outcome, fingerprint
from .customer import Customer
from .decay import Decay
from .transitions import Hysteresis
from .vocabulary import (
    CHANNEL_SLOT,
    INTERACTION_SLOT,
    INTERACTIONS_TOPIC,
    OTHER_CHANNEL,
    OTHER_INTERACTION,
    PURCHASES_TOPIC,
    category_slot,
)

Event = Mapping[str, Any]

# Members of an Enum cost a look-up each time they are named.
_ABSORBED: Final = Outcome.ABSORBED
_REPEATED: Final = Outcome.REPEATED


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment decides: decay, hysteresis, and how much of the past a record remembers."""

    decay: Decay
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    recent_events: int = 8
    recent_orders: int = 3
    minor_per_major: float = 100.0


class Rows(NamedTuple):
    """Validated events of one topic and partition as aligned columns, in the order of their offsets.

    `times` are epoch seconds, `amounts` minor units of the base currency (0 where an event has none).
    """

    keys: Sequence[bytes]
    offsets: Sequence[int]
    events: Sequence[Event]
    times: Sequence[float]
    amounts: Sequence[int]


def absorb_rows(
    rules: Rules, number: int, rows: Rows, opened: dict[bytes, Customer], open_customer: Callable[[bytes], Customer]
) -> tuple[int, list[Outcome]]:
    """Absorb events of topic `number` into the customers `opened`; those not yet there are opened first.

    Returns how many were replayed (at or below the customer's fence, and skipped), and every outcome of the others
    that is not ABSORBED.
    """
    if number == INTERACTIONS_TOPIC:
        return _interactions(rules, rows, opened, open_customer)
    absorb = _purchase if number == PURCHASES_TOPIC else _profile
    replayed = 0
    unusual: list[Outcome] = []
    for key, offset, event, t, amount in zip(*rows, strict=True):
        customer = opened.get(key)
        if customer is None:
            customer = opened[key] = open_customer(key)
        # A later issue adds deadlines: where `t` is past a customer's deadline, the customer is evaluated at the
        # deadline before the event is absorbed. Here, and in `_interactions`, is where that happens.
        if offset <= customer.offsets[number]:
            replayed += 1
            continue
        customer.offsets[number] = offset
        outcome = absorb(rules, customer, event, t, amount)
        if outcome is not _ABSORBED:
            unusual.append(outcome)
    return replayed, unusual


def _interactions(
    rules: Rules, rows: Rows, opened: dict[bytes, Customer], open_customer: Callable[[bytes], Customer]
) -> tuple[int, list[Outcome]]:
    # Four events of five come this way, so `remember`, `see` and the calls around them are written out here: half
    # the time that they take as methods.
    decay, keep = rules.decay, rules.recent_events
    half_life_s, ring_bytes = decay.half_life_s, -keep * FINGERPRINT_BYTES
    slot_of, channel_slot_of = INTERACTION_SLOT.get, CHANNEL_SLOT.get
    replayed = 0
    unusual: list[Outcome] = []
    for key, offset, event, t in zip(rows.keys, rows.offsets, rows.events, rows.times, strict=True):
        customer = opened.get(key)
        if customer is None:
            customer = opened[key] = open_customer(key)
        fence = customer.offsets
        if offset <= fence[INTERACTIONS_TOPIC]:
            replayed += 1
            continue
        fence[INTERACTIONS_TOPIC] = offset
        mark = xxh3_64_digest(event["event_id"].encode())[:FINGERPRINT_BYTES]
        recent = customer.recent
        if mark in recent and not customer.remember(mark, keep):
            unusual.append(_REPEATED)
            continue
        customer.recent = (recent + mark)[ring_bytes:]
        if t > customer.last_seen:
            customer.last_seen = t
            if t >= customer.boundary:
                customer.move_landmark(decay)
        if t < customer.first_seen:
            customer.first_seen = t
        weight = 2.0 ** (t / half_life_s - customer.base)
        customer.interactions += 1
        sums = customer.sums
        sums[slot_of(event["type"], OTHER_INTERACTION)] += weight
        channel, category = event.get("channel"), event.get("category")
        if channel is not None:
            sums[channel_slot_of(channel, OTHER_CHANNEL)] += weight
        if category is not None:
            sums[category_slot(category)] += weight
        customer.cause = event
    return replayed, unusual


def _purchase(rules: Rules, customer: Customer, event: Event, t: float, amount: int) -> Outcome:
    decay, keep = rules.decay, rules.recent_orders
    if not customer.remember(fingerprint(event["event_id"]), rules.recent_events):
        return _REPEATED
    kind = event.get("type", "order_completed")
    order = fingerprint(event["order_id"])
    weight = customer.see(t, decay)
    if kind == "order_completed":
        outcome = customer.complete_order(t, weight, order, amount, keep, decay)
        if outcome is _ABSORBED:
            _note_channel(customer, event, weight)
            _note_items(customer, event, weight)
    elif kind == "order_refunded":
        outcome = customer.refund_order(t, weight, order, amount, keep, decay)
    else:
        outcome = customer.cancel_order(t, weight, order, amount, keep, decay)
    if outcome is not Outcome.REPEATED_ORDER:
        customer.cause = event
    return outcome


def _profile(rules: Rules, customer: Customer, event: Event, t: float, _: int) -> Outcome:
    if not customer.remember(fingerprint(event["event_id"]), rules.recent_events):
        return _REPEATED
    customer.see(t, rules.decay)
    customer.traits = traits.merge(customer.traits, event.get("traits") or {}, t, event["event_id"])
    customer.cause = event
    return _ABSORBED


def _note_channel(behaviour: Behaviour, event: Event, weight: float) -> None:
    channel = event.get("channel")
    if channel is not None:
        behaviour.sums[CHANNEL_SLOT.get(channel, OTHER_CHANNEL)] += weight


def _note_items(behaviour: Behaviour, event: Event, weight: float) -> None:
    items = event.get("items")
    if isinstance(items, list):
        for item in items:
            category = item.get("category")
            if category is not None:
                behaviour.sums[category_slot(category)] += weight * item.get("quantity", 1)
