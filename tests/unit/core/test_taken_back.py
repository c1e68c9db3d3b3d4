"""Refunds and cancellations, before and after their order."""

from __future__ import annotations

from stream_seg.core.customer import Customer
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT, Outcome

from .acts import cancel, decayed, money, order, refund


def test_a_refund_takes_back_money_at_the_time_of_the_order() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)  # weight 4
    assert refund(customer, 3, "A", 300) is Outcome.ABSORBED
    assert money(customer) == (1, 700, 1, 300)
    assert decayed(customer) == [4.0, 2800.0, 1200.0]


def test_partial_refunds_add_up_to_the_order_and_no_further() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 600)
    assert refund(customer, 4, "A", 600) is Outcome.ABSORBED
    assert money(customer) == (1, 0, 2, 1000)
    assert decayed(customer) == [4.0, 0.0, 4000.0]
    refund(customer, 5, "A", 1)
    assert money(customer) == (1, 0, 3, 1000)


def test_a_refund_before_its_order_takes_back_its_own_amount_at_its_own_time() -> None:
    customer = Customer(1)
    assert refund(customer, 3, "A", 300) is Outcome.UNMATCHED  # weight 8
    assert money(customer) == (0, -300, 1, 300)
    assert decayed(customer) == [0.0, -2400.0, 2400.0]
    assert customer.purchase_days == 0


def test_the_order_then_puts_the_refund_at_its_own_time() -> None:
    customer = Customer(1)
    refund(customer, 3, "A", 300)
    assert order(customer, 2, "A", 1000) is Outcome.ABSORBED
    assert money(customer) == (1, 700, 1, 300)
    assert decayed(customer) == [4.0, 2800.0, 1200.0]


def test_refunds_before_their_order_are_no_more_than_the_order() -> None:
    customer = Customer(1)
    refund(customer, 3, "A", 600)
    refund(customer, 4, "A", 600)
    order(customer, 2, "A", 1000)
    assert money(customer) == (1, 0, 2, 1000)
    assert decayed(customer) == [4.0, 0.0, 4000.0]


def test_refunds_on_both_sides_of_their_order() -> None:
    customer = Customer(1)
    refund(customer, 3, "A", 600)
    order(customer, 2, "A", 1000)
    refund(customer, 4, "A", 600)
    assert money(customer) == (1, 0, 2, 1000)
    assert decayed(customer) == [4.0, 0.0, 4000.0]


def test_a_waiting_refund_leaves_other_orders_alone() -> None:
    customer = Customer(1)
    refund(customer, 0, "A", 300)
    order(customer, 1, "B", 1000)
    assert money(customer) == (1, 700, 1, 300)
    assert decayed(customer) == [2.0, 2000.0 - 300.0, 300.0]
    order(customer, 2, "A", 500)
    assert money(customer) == (2, 1200, 1, 300)
    assert decayed(customer) == [6.0, 2000.0 + 800.0, 1200.0]


def test_a_refund_waits_over_a_landmark() -> None:
    customer = Customer(1)
    refund(customer, 250, "A", 300)
    order(customer, 257, "A", 1000)  # one half-life after the landmark at 256 days
    assert money(customer) == (1, 700, 1, 300)
    assert decayed(customer) == [2.0, 1400.0, 600.0]


def test_a_refund_of_all_that_is_left_leaves_the_order_and_none_of_its_money() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 300)
    assert refund(customer, 4, "A", ALL_THAT_IS_LEFT) is Outcome.ABSORBED
    assert money(customer) == (1, 0, 2, 1000)
    assert decayed(customer) == [4.0, 0.0, 4000.0]
    refund(customer, 5, "A", ALL_THAT_IS_LEFT)
    assert money(customer) == (1, 0, 3, 1000)


def test_a_refund_of_all_that_is_left_takes_nothing_until_its_order_comes() -> None:
    customer = Customer(1)
    assert refund(customer, 3, "A", ALL_THAT_IS_LEFT) is Outcome.NOTHING_TAKEN
    assert money(customer) == (0, 0, 1, 0)
    assert decayed(customer) == [0.0, 0.0, 0.0]
    assert order(customer, 2, "A", 1000) is Outcome.ABSORBED
    assert money(customer) == (1, 0, 1, 1000)
    assert decayed(customer) == [4.0, 0.0, 4000.0]


def test_refunds_of_an_amount_and_of_the_rest_before_their_order() -> None:
    for first, second in ((300, ALL_THAT_IS_LEFT), (ALL_THAT_IS_LEFT, 300), (ALL_THAT_IS_LEFT, ALL_THAT_IS_LEFT)):
        customer = Customer(1)
        refund(customer, 3, "A", first)
        refund(customer, 4, "A", second)
        order(customer, 2, "A", 1000)
        assert money(customer) == (1, 0, 2, 1000)
        assert decayed(customer) == [4.0, 0.0, 4000.0]


def test_a_cancelled_order_has_nothing_left_to_refund() -> None:
    for waits in (False, True):
        customer = Customer(1)
        if not waits:
            order(customer, 2, "A", 1000)
        cancel(customer, 3, "A")
        refund(customer, 4, "A", ALL_THAT_IS_LEFT)
        if waits:
            order(customer, 2, "A", 1000)
        assert money(customer) == (0, 0, 1, 1000)
        assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_all_that_is_left_of_a_forgotten_order_is_not_known() -> None:
    customer = Customer(1)
    for day, name in ((0, "A"), (1, "B"), (2, "C")):
        order(customer, day, name, 1000, keep=2)
    assert refund(customer, 3, "A", ALL_THAT_IS_LEFT, keep=2) is Outcome.NOTHING_TAKEN
    assert money(customer) == (3, 3000, 1, 0)


def test_a_cancellation_takes_back_the_order_and_all_of_its_money() -> None:
    customer = Customer(1)
    order(customer, 1, "B", 100)
    order(customer, 2, "A", 1000)
    assert cancel(customer, 3, "A", 5) is Outcome.ABSORBED  # its own amount does not matter
    assert money(customer) == (1, 100, 0, 1000)
    assert decayed(customer) == [2.0, 200.0, 4000.0]
    assert customer.purchase_days == 2  # the customer did come and buy on that day


def test_a_cancellation_takes_back_the_rest_after_refunds() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 300)
    assert cancel(customer, 4, "A") is Outcome.ABSORBED
    assert money(customer) == (0, 0, 1, 1000)
    assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_a_refund_of_a_cancelled_order_takes_nothing_more() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    cancel(customer, 3, "A")
    assert refund(customer, 4, "A", 1000) is Outcome.ABSORBED
    assert money(customer) == (0, 0, 1, 1000)
    assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_an_order_is_cancelled_once() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    cancel(customer, 3, "A")
    assert cancel(customer, 4, "A") is Outcome.REPEATED_ORDER
    assert order(customer, 2, "A", 1000) is Outcome.REPEATED_ORDER
    assert money(customer) == (0, 0, 0, 1000)
    assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_a_cancellation_before_its_order_takes_back_its_own_amount_until_then() -> None:
    customer = Customer(1)
    assert cancel(customer, 3, "A", 900) is Outcome.UNMATCHED
    assert money(customer) == (0, -900, 0, 900)
    assert decayed(customer) == [0.0, -7200.0, 7200.0]
    assert order(customer, 2, "A", 1000) is Outcome.ABSORBED
    assert money(customer) == (0, 0, 0, 1000)
    assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_a_cancellation_without_an_amount_waits_too() -> None:
    customer = Customer(1)
    assert cancel(customer, 3, "A") is Outcome.UNMATCHED
    assert money(customer) == (0, 0, 0, 0)
    order(customer, 2, "A", 1000)
    assert money(customer) == (0, 0, 0, 1000)


def test_refund_and_cancellation_both_before_their_order() -> None:
    for first, second in ((refund, cancel), (cancel, refund)):
        customer = Customer(1)
        first(customer, 3, "A", 300)
        second(customer, 4, "A", 1000)
        order(customer, 2, "A", 1000)
        assert money(customer) == (0, 0, 1, 1000)
        assert decayed(customer) == [0.0, 0.0, 4000.0]


def test_a_refund_of_the_same_order_again_is_another_refund() -> None:
    # Two events with the same amount are two partial refunds, because only the event id identifies a refund.
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 100)
    refund(customer, 3, "A", 100)
    assert money(customer) == (1, 800, 2, 200)


def test_a_forgotten_order_counts_as_new() -> None:
    customer = Customer(1)
    for day, name in ((0, "A"), (1, "B"), (2, "C")):
        order(customer, day, name, 1000, keep=2)
    assert order(customer, 0, "A", 1000, keep=2) is Outcome.ABSORBED  # counted a second time
    assert money(customer) == (4, 4000, 0, 0)


def test_a_refund_of_a_forgotten_order_takes_back_its_own_amount_at_its_own_time() -> None:
    customer = Customer(1)
    for day, name in ((0, "A"), (1, "B"), (2, "C")):
        order(customer, day, name, 1000, keep=2)
    assert refund(customer, 3, "A", 5000, keep=2) is Outcome.UNMATCHED
    assert money(customer) == (3, -2000, 1, 5000)
    assert decayed(customer) == [7.0, 7000.0 - 40_000.0, 40_000.0]


def test_a_cancellation_of_a_forgotten_order_takes_back_money_but_no_order() -> None:
    customer = Customer(1)
    for day, name in ((0, "A"), (1, "B"), (2, "C")):
        order(customer, day, name, 1000, keep=2)
    assert cancel(customer, 3, "A", 1000, keep=2) is Outcome.UNMATCHED
    assert money(customer) == (3, 2000, 0, 1000)


def test_an_unmatched_refund_takes_a_place_among_remembered_orders() -> None:
    customer = Customer(1)
    refund(customer, 0, "A", 300, keep=2)
    order(customer, 1, "B", 1000, keep=2)
    order(customer, 1, "C", 1000, keep=2)
    order(customer, 0, "A", 500, keep=2)  # its refund is forgotten, and stays where it was
    assert money(customer) == (3, 2200, 1, 300)
    assert refund(customer, 2, "B", 1000, keep=2) is Outcome.UNMATCHED
