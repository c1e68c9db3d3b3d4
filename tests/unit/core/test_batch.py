"""Batches: many customers changed at once, and the records that they pack to."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from stream_seg.core.absorb import Rows, absorb_rows
from stream_seg.core.batch import NOWHERE, CustomerBatch, new_record
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.categories import CategoryNames
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import INTERACTION_SLOT, ORDERS
from stream_seg.core.record import columns
from stream_seg.errors import BadRecord

from .acts import DECAY, cancel, order, refund, view

VIEWED = INTERACTION_SLOT["product_viewed"]


def seen(*days: float) -> Customer:
    """Return a customer who views a product on each of these days."""
    customer = Customer(1)
    for day in days:
        view(customer, day)
    return customer


def busy_customer(number: int) -> Customer:
    """Return a customer with every type of event. Each number gives another one."""
    customer = Customer(number)
    for day in range(number):
        order(customer, 3 * day, f"o-{number}-{day}", 100 * number)
        view(customer, day + 0.5)
    refund(customer, number, f"o-{number}-0", 7)
    cancel(customer, number + 1, "never completed", 9)
    customer.traits = b"{}" * (number % 2)
    return customer


def test_first_and_last_are_kept_in_any_order() -> None:
    customer = seen(2, 0, 3, 1)
    assert (customer.first_seen, customer.last_seen) == (0.0, 3 * DAY_S)
    assert customer.sums[VIEWED] == 4.0 + 1.0 + 8.0 + 2.0


def test_sums_move_to_the_next_landmark_exactly() -> None:
    customer = seen(1, 1, 1)
    assert customer.sums[VIEWED] == 6.0
    view(customer, 256)
    assert customer.sums[VIEWED] == 6 * 2.0**-256 + 1.0
    view(customer, 255)  # a late event counts from the new landmark too
    assert customer.sums[VIEWED] == 1.5


def test_sums_move_over_several_landmarks_at_once() -> None:
    customer = Customer(1)
    order(customer, 0, "A", 0)
    view(customer, 3 * 256)
    assert customer.sums[ORDERS] == 2.0**-768
    view(customer, 5 * 256)
    assert customer.sums[ORDERS] == 0.0


def test_the_first_event_may_lie_in_any_landmark() -> None:
    assert seen(77 * 256 + 2).sums[VIEWED] == 4.0


def test_one_step_over_a_landmark_is_as_many() -> None:
    days = np.array([250.0, 260.0, 251.0]) * DAY_S
    batch = CustomerBatch(DECAY)
    batch.open([b"a"], [new_record(1)])
    rows = np.array([0, 0, 0])
    batch.see(rows, days)
    batch.add(rows, np.array([VIEWED] * 3), 1.0, days)
    assert batch["sums"][0, VIEWED] == seen(250, 260, 251).sums[VIEWED]


def test_amounts_added_to_no_slot_do_not_count() -> None:
    batch = CustomerBatch(DECAY)
    batch.open([b"a", b"b"], [new_record(1)] * 2)
    rows, times = np.array([0, 1]), np.array([0.0, 0.0])
    batch.see(rows, times)
    batch.add(rows, np.array([NOWHERE, VIEWED]), 1.0, times)
    assert batch["sums"].sum(axis=1).tolist() == [0.0, 1.0]


def test_the_oldest_of_128_remembered_events_is_forgotten_first() -> None:
    customer = Customer(1)
    for number in range(129):
        assert view(customer, 0, f"e-{number}") is Outcome.ABSORBED
    assert view(customer, 0, "e-1") is Outcome.REPEATED
    assert view(customer, 0, "e-0") is Outcome.ABSORBED  # forgotten, so it counts as new
    assert customer.interactions == 130


def test_a_repeat_does_not_make_an_event_younger() -> None:
    customer = Customer(1)
    for event_id in ("a", *map(str, range(127)), "a", "last"):
        view(customer, 0, event_id)
    assert view(customer, 0, "a") is Outcome.ABSORBED


def test_after_a_silent_day_the_newest_16_events_are_remembered() -> None:
    for pause, repeated in ((1.0, 40), (1.01, 16)):
        customer = Customer(1)
        for number in range(40):
            view(customer, 0, f"e-{number}")
        view(customer, pause, "later")
        outcomes = [view(customer, 0, f"e-{number}") for number in range(39, -1, -1)]
        assert outcomes.count(Outcome.REPEATED) == repeated


def test_the_memory_of_events_does_not_depend_on_how_they_are_batched() -> None:
    days = [0.0] * 40 + [2.0] * 30 + [2.5] * 30
    events = [{"event_id": f"e-{number}", "type": "page_viewed"} for number in range(100)]
    times = [day * DAY_S for day in days]
    rings = []
    for size in (1, 7, 100):
        batch = CustomerBatch(DECAY)
        batch.open([b"a"], [new_record(1)])
        for at in range(0, 100, size):
            taken = slice(at, at + size)
            rows = Rows([0] * len(days[taken]), list(range(100))[taken], events[taken], times[taken], [], times[taken])
            absorb_rows(1, rows._replace(amounts=[0] * len(rows.rows)), batch, [CategoryNames()])
        rings.append(batch.recent[0])
    assert len(set(rings)) == 1
    assert len(rings[0]) == (16 + 60) * 6


def test_visited_days_are_bits_from_the_last_day() -> None:
    customer = seen(3, 1, 1.5)
    assert customer.visited_days == 0b101
    order(customer, 5, "o-1", 100)  # no visit, but later than the last one
    assert customer.visited_days == 0b10100
    view(customer, 4)
    assert customer.visited_days == 0b10110
    view(customer, 5 + 63)
    assert customer.visited_days == 1 | 0b10110 << 63 & (2**64 - 1)
    view(customer, 1000)
    assert customer.visited_days == 1
    view(customer, 1000 - 64)  # too long ago
    assert customer.visited_days == 1


def test_rows_are_in_the_order_in_which_they_were_opened() -> None:
    batch = CustomerBatch(DECAY)
    assert batch.find([b"old", b"new"]) == [None, None]
    batch.open([b"old", b"new"], [seen(5).pack(), new_record(7)])
    batch.open([b"third"], [new_record(8)])
    assert batch.rows([b"third", b"old", b"third", b"new"]) == [2, 0, 2, 1]
    assert batch.find([b"new", b"fourth", b"old"]) == [1, None, 0]
    assert (batch.keys, len(batch)) == ([b"old", b"new", b"third"], 3)
    assert batch["life"].tolist() == [1, 7, 8]
    assert batch["last_seen"].tolist() == [5 * DAY_S, -inf, -inf]


def test_a_batch_packs_the_same_bytes_as_each_customer_alone() -> None:
    customers = [busy_customer(number) for number in range(70)]  # more than there is room for at first
    records = {b"%d" % number: customer.pack() for number, customer in enumerate(customers)}
    batch = CustomerBatch(DECAY)
    batch.open(list(records), list(records.values()))
    for row in range(0, 70, 3):
        batch.bought(row)  # read, not changed
    assert batch.pack() == list(records.values())


def test_columns_are_those_of_the_records() -> None:
    records = {b"%d" % number: busy_customer(number).pack() for number in range(5)}
    batch, fixed = CustomerBatch(DECAY), columns(list(records.values()))
    batch.open(list(records), list(records.values()))
    for name in ("sums", "offsets", "life", "first_seen", "last_purchase", "purchase_days", "slots", "until", "before"):
        assert batch[name].tolist() == fixed[name].tolist(), name


@pytest.mark.parametrize(
    "record", [b"", busy_customer(3).pack()[:534], busy_customer(3).pack()[:546], b"\1" + busy_customer(3).pack()[1:]]
)
def test_bytes_that_are_not_a_record_are_refused(record: bytes) -> None:
    batch = CustomerBatch(DECAY)
    with pytest.raises(BadRecord, match="customer record"):
        batch.open([b"good", b"bad", b"new"], [seen(1).pack(), record, new_record(1)])
