"""Absorbing events: the fence, repeats, and the slots of each type of event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events import traits
from stream_seg.core.events.categories import ENTRY, category_id
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import CHANNEL_SLOT, INTERACTION_SLOT, INTERACTIONS, ORDERS, TOPICS
from stream_seg.errors import BadRecord

ENGINE = Engine(Rules(Decay(DAY_S)))


def counted(customer: Customer) -> dict[int, float]:
    """Return the decayed sums that are not zero, by slot."""
    return {slot: value for slot, value in enumerate(customer.sums) if value}


def goods(customer: Customer) -> dict[str, tuple[float, int]]:
    """Return weight and units of the categories of these tests."""
    entries = np.frombuffer(customer.categories, ENTRY).tolist()
    names = {category_id(name): name for name in ("books", "toys")}
    return {names[number]: (weight, units) for number, weight, units in entries}


def purchase(event_id: str, order_id: str = "o-1", **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "order_id": order_id, **fields}


def test_a_purchase_without_a_type_is_a_completed_order() -> None:
    customer = ENGINE.new_customer(1)
    assert ENGINE.absorb(customer, "purchases", 0, purchase("e-1"), 2 * DAY_S, 1000) is Outcome.ABSORBED
    assert (customer.purchases, customer.spend) == (1, 1000)
    refund = purchase("e-2", type="order_refunded")
    assert ENGINE.absorb(customer, "purchases", 1, refund, 3 * DAY_S, 400) is Outcome.ABSORBED
    assert (customer.purchases, customer.spend, customer.refunds) == (1, 600, 1)
    cancellation = purchase("e-3", type="order_cancelled")
    assert ENGINE.absorb(customer, "purchases", 2, cancellation, 4 * DAY_S) is Outcome.ABSORBED
    assert (customer.purchases, customer.spend, customer.refunded) == (0, 0, 1000)
    assert (customer.first_seen, customer.last_seen) == (2 * DAY_S, 4 * DAY_S)
    assert customer.offsets == [2, -1, -1, -1, -1]


def test_offsets_at_or_below_the_fence_are_skipped_by_topic() -> None:
    customer = ENGINE.new_customer(1)
    view = {"event_id": "e-1", "type": "product_viewed"}
    assert ENGINE.absorb(customer, "interactions", 7, view, 0.0) is Outcome.ABSORBED
    for offset in (7, 6, 0):
        other = {"event_id": f"e-{offset}", "type": "product_viewed"}
        assert ENGINE.absorb(customer, "interactions", offset, other, 5.0) is Outcome.REPEATED
    assert (customer.interactions, customer.last_seen, customer.offsets) == (1, 0.0, [-1, 7, -1, -1, -1])
    assert ENGINE.absorb(customer, "purchases", 0, purchase("e-2"), 0.0, 1) is Outcome.ABSORBED
    assert customer.offsets == [0, 7, -1, -1, -1]


@pytest.mark.parametrize("topic", TOPICS)
def test_an_event_counts_once_in_each_topic(topic: str) -> None:
    customer = ENGINE.new_customer(1)
    event = purchase("e-1", type={"purchases": "order_completed"}.get(topic, "identify"))
    assert ENGINE.absorb(customer, topic, 0, event, 0.0, 100) is Outcome.ABSORBED
    once = customer.pack()
    assert ENGINE.absorb(customer, topic, 1, event, 9.0, 100) is Outcome.REPEATED
    assert customer.offsets[TOPICS.index(topic)] == 1  # the fence moves, and nothing else
    customer.offsets[TOPICS.index(topic)] = 0
    assert customer.pack() == once


def test_a_forgotten_event_counts_again_and_its_order_does_not() -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "purchases", 0, purchase("e-1"), 0.0, 1000)
    for number in range(128):  # views evict event ids, never orders
        ENGINE.absorb(customer, "interactions", number, {"event_id": f"v-{number}", "type": "product_viewed"}, 0.0)
    assert ENGINE.absorb(customer, "purchases", 1, purchase("e-1"), 0.0, 1000) is Outcome.REPEATED_ORDER
    assert (
        ENGINE.absorb(customer, "interactions", 128, {"event_id": "v-0", "type": "product_viewed"}, 0.0)
        is Outcome.ABSORBED
    )
    assert (customer.purchases, customer.interactions) == (1, 129)


@pytest.mark.parametrize("kind", INTERACTIONS)
def test_each_kind_of_interaction_has_a_slot(kind: str) -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "interactions", 0, {"event_id": "e-1", "type": kind}, 3 * DAY_S)
    assert (customer.interactions, counted(customer)) == (1, {INTERACTION_SLOT[kind]: 8.0})


def test_an_interaction_of_another_name_is_other() -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "interactions", 0, {"event_id": "e-1", "type": "store_visited"}, DAY_S)
    assert counted(customer) == {INTERACTION_SLOT["other"]: 2.0}


def test_an_interaction_counts_for_its_channel_and_category() -> None:
    customer = ENGINE.new_customer(1)
    view = {"event_id": "e-1", "type": "product_viewed", "channel": "app", "category": "books"}
    ENGINE.absorb(customer, "interactions", 0, view, DAY_S)
    assert counted(customer) == {
        INTERACTION_SLOT["product_viewed"]: 2.0,
        CHANNEL_SLOT["app"]: 2.0,
    }
    assert goods(customer) == {"books": (2.0, 0)}


def test_null_fields_count_as_missing() -> None:
    customer = ENGINE.new_customer(1)
    view = {"event_id": "e-1", "type": "product_viewed", "channel": None, "category": None}
    ENGINE.absorb(customer, "interactions", 0, view, 0.0)
    ENGINE.absorb(customer, "purchases", 0, purchase("e-2", channel=None, items=None), 0.0, 100)
    assert set(counted(customer)) == {INTERACTION_SLOT["product_viewed"], 0, 1}


def test_an_order_counts_for_its_channel_and_the_categories_of_its_items() -> None:
    customer = ENGINE.new_customer(1)
    items = [
        {"category": "books", "quantity": 3},
        {"category": "toys"},
        {"product_id": "p-1", "quantity": 9},
        {"category": "toys", "quantity": 0.5},
    ]
    ENGINE.absorb(customer, "purchases", 0, purchase("e-1", channel="fax", items=items), DAY_S, 1000)
    assert counted(customer) == {
        ORDERS: 2.0,
        1: 2000.0,
        CHANNEL_SLOT["other"]: 2.0,
    }
    assert goods(customer) == {"books": (6.0, 3), "toys": (3.0, 1)}
    assert customer.units == 13


def test_a_number_of_items_counts_for_no_category() -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "purchases", 0, purchase("e-1", items=12), 0.0, 1000)
    assert counted(customer) == {ORDERS: 1.0, 1: 1000.0}


def test_an_order_repeated_counts_no_channel_twice() -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "purchases", 0, purchase("e-1", channel="web"), 0.0, 1000)
    again = purchase("e-2", channel="web", items=[{"category": "toys"}])
    assert ENGINE.absorb(customer, "purchases", 1, again, 0.0, 1000) is Outcome.REPEATED_ORDER
    assert counted(customer) == {ORDERS: 1.0, 1: 1000.0, CHANNEL_SLOT["web"]: 1.0}


def test_a_profile_sets_traits() -> None:
    customer = ENGINE.new_customer(1)
    identify = {"event_id": "e-1", "type": "identify", "traits": {"age": 44}}
    assert ENGINE.absorb(customer, "profiles", 3, identify, DAY_S) is Outcome.ABSORBED
    assert traits.values(customer.traits) == {"age": 44}
    assert (customer.first_seen, customer.last_seen, counted(customer)) == (DAY_S, DAY_S, {})
    assert (customer.purchases, customer.interactions, customer.offsets) == (0, 0, [-1, -1, 3, -1, -1])


@pytest.mark.parametrize("topic", ["purchases", "interactions"])
def test_events_of_other_topics_set_traits_too(topic: str) -> None:
    customer = ENGINE.new_customer(1)
    event = purchase("e-2", traits={"geo.city": "Graz"}) | ({} if topic == "purchases" else {"type": "page_viewed"})
    ENGINE.absorb(customer, topic, 0, event, 2 * DAY_S, 100)
    ENGINE.absorb(customer, topic, 1, {**event, "event_id": "e-1", "traits": {"geo.city": "Linz"}}, DAY_S, 100)
    ENGINE.absorb(customer, topic, 2, {**event, "traits": {"geo.city": "Wien"}}, 3 * DAY_S, 100)  # seen before
    assert traits.values(customer.traits) == {"geo.city": "Graz"}


def test_a_profile_without_traits_is_still_seen() -> None:
    customer = ENGINE.new_customer(1)
    ENGINE.absorb(customer, "profiles", 0, {"event_id": "e-1", "type": "identify", "traits": None}, DAY_S)
    assert (traits.values(customer.traits), customer.last_seen) == ({}, DAY_S)


def test_views_after_the_landmark_count_from_it() -> None:
    customer = ENGINE.new_customer(1)
    for number, day in enumerate((1, 257, 255)):
        ENGINE.absorb(customer, "interactions", number, {"event_id": f"e-{number}", "type": "page_viewed"}, day * DAY_S)
    assert counted(customer) == {INTERACTION_SLOT["page_viewed"]: 2.0**-255 + 2.0 + 0.5}


def test_a_record_opens_as_it_was_packed() -> None:
    engine = example.engine()
    customer = engine.new_customer(7)
    engine.absorb(customer, "purchases", 0, purchase("e-1"), 1_700_000_000.0, 1000)
    assert engine.open(customer.pack()).pack() == customer.pack()
    with pytest.raises(BadRecord, match="format unknown"):
        engine.open(b"")


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(ValueError):
        ENGINE.absorb(ENGINE.new_customer(1), "orders", 0, purchase("e-1"), 0.0)
