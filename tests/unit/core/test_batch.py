"""Working sets: what customers come to, many at once, and the records that they are at rest."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from stream_seg.core.batch import NOWHERE, CustomerBatch, new_record
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.orders import Outcome
from stream_seg.core.events.taxonomy import INTERACTION_SLOT, ORDERS
from stream_seg.core.record import columns
from stream_seg.errors import BadRecord

from .acts import DECAY, cancel, order, refund, view

VIEWED = INTERACTION_SLOT["product_viewed"]


def seen(*days: float) -> Customer:
    """Somebody who views a product on each of these days."""
    who = Customer(1)
    for day in days:
        view(who, day)
    return who


def somebody(number: int) -> Customer:
    """Another customer for each number, busy in every way."""
    who = Customer(number)
    for day in range(number):
        order(who, 3 * day, f"o-{number}-{day}", 100 * number)
        view(who, day + 0.5)
    refund(who, number, f"o-{number}-0", 7)
    cancel(who, number + 1, "never completed", 9)
    who.traits = b"{}" * (number % 2)
    return who


def test_first_and_last_are_kept_in_any_order() -> None:
    who = seen(2, 0, 3, 1)
    assert (who.first_seen, who.last_seen) == (0.0, 3 * DAY_S)
    assert who.sums[VIEWED] == 4.0 + 1.0 + 8.0 + 2.0


def test_sums_move_to_the_next_landmark_exactly() -> None:
    who = seen(1, 1, 1)
    assert who.sums[VIEWED] == 6.0
    view(who, 256)
    assert who.sums[VIEWED] == 6 * 2.0**-256 + 1.0
    view(who, 255)  # a late event counts from the new landmark too
    assert who.sums[VIEWED] == 1.5


def test_sums_move_over_several_landmarks_at_once() -> None:
    who = Customer(1)
    order(who, 0, "A", 0)
    view(who, 3 * 256)
    assert who.sums[ORDERS] == 2.0**-768
    view(who, 5 * 256)
    assert who.sums[ORDERS] == 0.0


def test_the_first_event_may_lie_in_any_landmark() -> None:
    assert seen(77 * 256 + 2).sums[VIEWED] == 4.0


def test_one_step_over_a_landmark_is_as_many() -> None:
    days = np.array([250.0, 260.0, 251.0]) * DAY_S
    held = CustomerBatch(DECAY)
    held.open([b"a"], [new_record(1)])
    rows = np.array([0, 0, 0])
    held.see(rows, days)
    held.add(rows, np.array([VIEWED] * 3), 1.0, days)
    assert held["sums"][0, VIEWED] == seen(250, 260, 251).sums[VIEWED]


def test_what_is_added_nowhere_counts_for_nothing() -> None:
    held = CustomerBatch(DECAY)
    held.open([b"a", b"b"], [new_record(1)] * 2)
    rows, times = np.array([0, 1]), np.array([0.0, 0.0])
    held.see(rows, times)
    held.add(rows, np.array([NOWHERE, VIEWED]), 1.0, times)
    assert held["sums"].sum(axis=1).tolist() == [0.0, 1.0]


def test_only_so_many_events_are_remembered_the_oldest_goes_first() -> None:
    who = Customer(1)
    for event_id in ("a", "b", "c"):
        assert view(who, 0, event_id, keep=2) is Outcome.ABSORBED
    assert view(who, 0, "b", keep=2) is Outcome.REPEATED
    assert view(who, 0, "a", keep=2) is Outcome.ABSORBED  # forgotten, so it counts as new
    assert who.interactions == 4


def test_a_repeat_does_not_make_an_event_younger() -> None:
    who = Customer(1)
    for event_id in ("a", "b", "a", "c"):
        view(who, 0, event_id, keep=2)
    assert view(who, 0, "a", keep=2) is Outcome.ABSORBED


def test_rows_are_in_the_order_in_which_they_were_opened() -> None:
    held = CustomerBatch(DECAY)
    assert held.find([b"old", b"new"]) == [None, None]
    held.open([b"old", b"new"], [seen(5).pack(), new_record(7)])
    held.open([b"third"], [new_record(8)])
    assert held.rows([b"third", b"old", b"third", b"new"]) == [2, 0, 2, 1]
    assert held.find([b"new", b"fourth", b"old"]) == [1, None, 0]
    assert (held.keys, len(held)) == ([b"old", b"new", b"third"], 3)
    assert held["life"].tolist() == [1, 7, 8]
    assert held["last_seen"].tolist() == [5 * DAY_S, -inf, -inf]


def test_packing_says_what_each_customer_alone_would() -> None:
    customers = [somebody(number) for number in range(70)]  # more than there is room for at first
    records = {b"%d" % number: who.pack() for number, who in enumerate(customers)}
    held = CustomerBatch(DECAY)
    held.open(list(records), list(records.values()))
    for row in range(0, 70, 3):
        held.bought(row)  # looked at, not changed
    assert held.pack() == list(records.values())


def test_columns_are_those_of_the_records() -> None:
    records = {b"%d" % number: somebody(number).pack() for number in range(5)}
    held, fixed = CustomerBatch(DECAY), columns(list(records.values()))
    held.open(list(records), list(records.values()))
    for name in ("sums", "offsets", "life", "first_seen", "last_purchase", "purchase_days", "segment"):
        assert held[name].tolist() == fixed[name].tolist(), name


@pytest.mark.parametrize(
    "record", [b"", somebody(3).pack()[:362], somebody(3).pack()[:370], b"\2" + somebody(3).pack()[1:]]
)
def test_what_is_no_record_is_refused(record: bytes) -> None:
    held = CustomerBatch(DECAY)
    with pytest.raises(BadRecord, match="customer record"):
        held.open([b"good", b"bad", b"new"], [seen(1).pack(), record, new_record(1)])
