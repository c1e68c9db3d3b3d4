"""Completed orders. Refunds and cancellations are in test_taken_back.py."""

from __future__ import annotations

from itertools import permutations

from stream_seg.core.batch import CustomerBatch, new_record
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.deltas import SPENT, Deltas
from stream_seg.core.events.order_entries import Outcome, Statement
from stream_seg.core.events.orders import OrderBook

from .acts import DECAY, cancel, decayed, money, order, refund


def test_an_order_counts_with_its_time_and_money() -> None:
    customer = Customer(1)
    assert order(customer, 2, "A", 1000) is Outcome.ABSORBED
    assert order(customer, 3, "B", 500) is Outcome.ABSORBED
    assert money(customer) == (2, 1500, 0, 0)
    assert decayed(customer) == [4.0 + 8.0, 4000.0 + 4000.0, 0.0]
    assert (customer.first_purchase, customer.last_purchase, customer.purchase_days) == (2 * DAY_S, 3 * DAY_S, 2)


def test_a_late_order_counts_as_if_it_had_been_on_time() -> None:
    customer = Customer(1)
    order(customer, 3, "B", 500)
    order(customer, 2, "A", 1000)
    assert money(customer) == (2, 1500, 0, 0)
    assert decayed(customer) == [12.0, 8000.0, 0.0]
    assert (customer.first_purchase, customer.last_purchase, customer.purchase_days) == (2 * DAY_S, 3 * DAY_S, 2)


def test_an_order_in_several_events_counts_once() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    assert order(customer, 2, "A", 1000) is Outcome.REPEATED_ORDER
    assert money(customer) == (1, 1000, 0, 0)
    assert decayed(customer) == [4.0, 4000.0, 0.0]


def test_an_order_that_was_refunded_is_still_a_repeat() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 400)
    assert order(customer, 2, "A", 1000) is Outcome.REPEATED_ORDER
    assert money(customer) == (1, 600, 1, 400)


def test_an_order_worth_nothing_is_an_order() -> None:
    customer = Customer(1)
    assert order(customer, 2, "A", 0) is Outcome.ABSORBED
    assert money(customer) == (1, 0, 0, 0)


def test_the_latest_statement_of_an_order_counts_in_every_order_of_arrival() -> None:
    statements = [(1, 1000, "e-1"), (2, 700, "e-2"), (2, 800, "e-3"), (3, 900, "e-0")]
    for arrival in permutations(statements):
        customer = Customer(1)
        outcomes = [order(customer, day, "A", amount, event_id=event_id) for day, amount, event_id in arrival]
        assert money(customer) == (1, 900, 0, 0)
        assert decayed(customer) == [2.0, 1800.0, 0.0]  # at the time of the earliest statement
        assert (customer.first_purchase, customer.last_purchase, customer.purchase_days) == (DAY_S, DAY_S, 1)
        assert outcomes[0] is Outcome.ABSORBED


def test_of_statements_of_one_time_the_larger_amount_counts() -> None:
    for arrival in permutations([1000, 700]):
        customer = Customer(1)
        for amount in arrival:
            order(customer, 1, "A", amount)
        assert money(customer) == (1, 1000, 0, 0)


def test_an_edit_says_so_and_a_repeat_does_not() -> None:
    customer = Customer(1)
    order(customer, 1, "A", 1000)
    assert order(customer, 1, "A", 1000) is Outcome.REPEATED_ORDER
    assert order(customer, 2, "A", 700) is Outcome.EDITED
    assert order(customer, 1.5, "A", 900) is Outcome.REPEATED_ORDER  # older than the last statement


def test_an_order_says_when_it_was_placed_and_when_it_was_updated() -> None:
    customer = Customer(1)
    order(customer, 1, "A", 700, updated_at=4 * DAY_S)
    order(customer, 1, "A", 1000, updated_at=3 * DAY_S)
    assert (money(customer), decayed(customer)) == ((1, 700, 0, 0), [2.0, 1400.0, 0.0])
    order(customer, 5, "A", 800, order_at=0.0)
    assert (money(customer), decayed(customer)) == ((1, 800, 0, 0), [1.0, 800.0, 0.0])


def test_refunds_of_an_edited_order_are_no_more_than_its_amount() -> None:
    steps = [
        lambda customer: order(customer, 1, "A", 1000),
        lambda customer: order(customer, 2, "A", 500),
        lambda customer: refund(customer, 3, "A", 600),
    ]
    for arrival in permutations(steps):
        customer = Customer(1)
        for step in arrival:
            step(customer)
        assert money(customer) == (1, 0, 1, 500)
        assert decayed(customer) == [2.0, 0.0, 1000.0]


def test_an_edit_of_a_cancelled_order_leaves_it_cancelled() -> None:
    customer = Customer(1)
    order(customer, 1, "A", 1000)
    cancel(customer, 2, "A")
    order(customer, 3, "A", 700)
    assert (money(customer), customer.purchase_days) == ((0, 0, 0, 700), 0)


def test_an_order_is_not_found_inside_the_numbers_of_another() -> None:
    # Amount 1 and nothing refunded are the bytes 01 00 00 00 00 00 00 00.
    deltas, batch = Deltas(), CustomerBatch(DECAY)
    batch.open([b"c"], [new_record(1)])
    book = OrderBook(batch, deltas)
    assert book.complete(0, Statement(b"abcdef", 0.0, 0.0, 1, False)) is Outcome.ABSORBED
    assert book.complete(0, Statement(bytes.fromhex("010000000000"), 0.0, 0.0, 7, False)) is Outcome.ABSORBED
    assert [line for line in deltas.counts if line[1] == SPENT] == [(0, SPENT, 1), (0, SPENT, 7)]
