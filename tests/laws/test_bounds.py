"""A customer's record has a fixed upper bound, independent of the number and kind of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson

from stream_seg.contracts.context import MAX_TRAITS_BYTES
from stream_seg.contracts.decode import Decoder
from stream_seg.core.absorb import REMEMBERED_EVENTS, Rows, absorb_rows
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events import order_tiles, traits
from stream_seg.core.events.categories import CATEGORY_BYTES, MAX_CATEGORIES, CategoryNames
from stream_seg.core.events.order_entries import ORDER_ENTRY, REFUND_ENTRY, STATEMENT_ENTRY
from stream_seg.core.events.orders import REMEMBERED_ORDERS, REMEMBERED_REFUNDS
from stream_seg.core.events.purchase_days import DAY_WINDOW
from stream_seg.core.events.recent_ids import FINGERPRINT_BYTES
from stream_seg.core.events.taxonomy import INTERACTIONS, TOPICS
from stream_seg.core.record import LAYOUT

NOW: Final = 1_800_000_000.0
ID_BYTES: Final = 128 * 6 + 2  # control characters take six bytes in JSON
TIME_BYTES: Final = 24  # the longest a float is written
# Name, colon and value of a trait alone in its event, then [, two commas, ] and the comma before the next trait.
TRAIT_BYTES: Final = (MAX_TRAITS_BYTES - 2) + TIME_BYTES + ID_BYTES + 5
DOCS: Final = Path(__file__).parents[2] / "docs"


# Day tiles become weeks once a week.
TILES: Final = order_tiles.DAYS + 7 + order_tiles.WEEKS + 1
SECTIONS: Final = (
    DAY_WINDOW // 8
    + REMEMBERED_EVENTS * FINGERPRINT_BYTES
    + REMEMBERED_ORDERS * (ORDER_ENTRY.size + STATEMENT_ENTRY.size + REMEMBERED_REFUNDS * REFUND_ENTRY.size)
    + TILES * order_tiles.TILE_BYTES
    + MAX_CATEGORIES * CATEGORY_BYTES
)
BOUND: Final = LAYOUT.size + SECTIONS + traits.MAX_TRAITS * TRAIT_BYTES + 1


class Shopper:
    """One customer whose events are decoded and absorbed in batches, as in a worker."""

    def __init__(self) -> None:
        self._decoders = {topic: Decoder(topic) for topic in TOPICS}
        self._engine = Engine(Rules(Decay(30 * DAY_S)))
        self._names = CategoryNames()
        self._offset = 0
        self.packed = Customer(1).pack()
        self.largest = 0

    def absorb(self, topic: str, events: list[dict[str, Any]]) -> None:
        """Absorb events of a topic as one group. All of them must be valid."""
        keys = [b"c"] * len(events)
        decoded = self._decoders[topic].decode([orjson.dumps(event) for event in events], keys, NOW)
        assert decoded.rejected == []
        offsets = range(self._offset, self._offset + len(events))
        self._offset += len(events)
        batch = self._engine.new_batch()
        batch.open([b"c"], [self.packed])
        amounts = decoded.amounts or [0] * len(events)
        rows = Rows([0] * len(events), offsets, decoded.events, decoded.times, amounts, decoded.times)
        absorb_rows(TOPICS.index(topic), rows, batch, [self._names])
        (self.packed,) = batch.pack()
        self.largest = max(self.largest, len(self.packed))


def fill(shopper: Shopper) -> None:
    """Fill every part of a record to its limit."""
    when = NOW - 0.123456
    for number in range(traits.MAX_TRAITS + 40):
        name = f"{number:03}"
        text = "x" * (MAX_TRAITS_BYTES - len(json.dumps({name: ""}, separators=(",", ":"))))
        event_id = f"{number:03}" + "\x01" * 125
        shopper.absorb("profiles", [event("identify", event_id, when, traits={name: text})])
    days = range(DAY_WINDOW + 100, 0, -1)
    shopper.absorb("purchases", [order(f"o-{day}", NOW - day * DAY_S) for day in days])
    shopper.absorb("purchases", [order(f"p-{number}", NOW) for number in range(REMEMBERED_ORDERS)])
    refunds = [(order_number, number) for order_number in range(REMEMBERED_ORDERS) for number in range(5)]
    shopper.absorb("purchases", [refund(f"p-{order_number}", f"r-{number}") for order_number, number in refunds])
    views = [event("product_viewed", f"v-{n}", NOW, category=f"category {n}") for n in range(REMEMBERED_EVENTS + 1)]
    shopper.absorb("interactions", views)


def chunks(count: int, size: int) -> Iterator[range]:
    """Return the numbers below `count` in ranges of `size`."""
    return (range(start, start + size) for start in range(0, count, size))


def event(kind: str, event_id: str, when: float, **more: Any) -> dict[str, Any]:
    """Return an event of the customer."""
    return {"event_id": event_id, "customer_id": "c", "type": kind, "occurred_at": when, **more}


def refund(order_id: str, refund_id: str) -> dict[str, Any]:
    """Return a refund of a cent."""
    given = {"order_id": order_id, "refund_id": refund_id, "amount": 0.01}
    return event("order_refunded", f"e-{order_id}-{refund_id}", NOW, **given)


def order(order_id: str, when: float, amount: float = 42_949_672.95) -> dict[str, Any]:
    """Return an order, by default of the largest amount."""
    return event("order_completed", f"e-{order_id}", when, order_id=order_id, amount=amount)


def test_a_full_record_is_within_the_bound_and_near_it() -> None:
    shopper = Shopper()
    fill(shopper)
    full = Customer.unpack(shopper.packed)
    assert len(full.recent) == REMEMBERED_EVENTS * FINGERPRINT_BYTES
    assert len(full.orders) == REMEMBERED_ORDERS * ORDER_ENTRY.size
    assert len(full.refund_ids) == REMEMBERED_ORDERS * REMEMBERED_REFUNDS * REFUND_ENTRY.size
    assert len(full.categories) == MAX_CATEGORIES * CATEGORY_BYTES
    assert int.from_bytes(full.days, "little").bit_length() == DAY_WINDOW
    assert len(traits.values(full.traits)) == traits.MAX_TRAITS
    assert 0.99 * BOUND < len(shopper.packed) <= BOUND


def test_a_million_events_leave_a_record_within_the_bound() -> None:
    shopper, rng = Shopper(), Random(7)
    fill(shopper)
    for number, numbers in enumerate(chunks(1_000_000, 2_000)):
        if number % 4 == 3:
            values = {f"t-{rng.randrange(500)}": rng.choice([None, True, 1e300, "é" * 900, "x"]) for _ in range(2)}
            shopper.absorb("profiles", [event("identify", f"i-{number}", rng.uniform(0, NOW), traits=values)])
        if number % 2:
            shopper.absorb("purchases", [order(f"p-{n % 7}-{n}", rng.uniform(0, NOW), 9.5) for n in numbers])
        else:
            kind = rng.choice(INTERACTIONS)
            shopper.absorb("interactions", [event(kind, f"x-{n}", rng.uniform(0, NOW)) for n in numbers])
    packed = Customer.unpack(shopper.packed)
    assert packed.purchases + packed.interactions > 1_000_000
    assert shopper.largest <= BOUND


def test_without_traits_and_categories_a_record_has_the_documented_size() -> None:
    shopper = Shopper()
    for numbers in chunks(100_000, 10_000):
        shopper.absorb("purchases", [order(f"p-{n}", NOW - n % 5_000 * DAY_S, 1.0) for n in numbers])
    text = (DOCS / "internals" / "record-format.md").read_text(encoding="utf-8")
    assert f"{len(shopper.packed):,}" in text


def test_the_documentation_states_the_bound() -> None:
    assert f"{BOUND:,}" in (DOCS / "internals" / "record-format.md").read_text(encoding="utf-8")
