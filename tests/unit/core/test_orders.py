"""Completed orders. Refunds and cancellations are in test_taken_back.py."""

from __future__ import annotations

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.deltas import Deltas
from stream_seg.core.events.orders import OrderBook, Outcome

from .acts import decayed, money, order, refund


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


def test_an_order_is_not_found_inside_the_numbers_of_another() -> None:
    # Amount 1 and nothing taken back are the bytes 01 00 00 00 00 00 00 00.
    deltas = Deltas()
    book = OrderBook([b""], 3, deltas)
    assert book.complete(0, b"abcdef", 0.0, 1) is Outcome.ABSORBED
    assert book.complete(0, bytes.fromhex("010000000000"), 0.0, 7) is Outcome.ABSORBED
    assert [line for line in deltas.counts if line[1] == 1] == [(0, 1, 1), (0, 1, 7)]
