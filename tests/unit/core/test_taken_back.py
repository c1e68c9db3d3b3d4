"""Refunds and cancellations, before and after their order."""

from __future__ import annotations

from math import inf

import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events import order_tiles
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT, Outcome
from stream_seg.core.events.taxonomy import DISCOUNTED

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


def test_a_cancellation_takes_back_the_order_and_all_of_its_money() -> None:
    customer = Customer(1)
    order(customer, 1, "B", 100)
    order(customer, 2, "A", 1000)
    assert cancel(customer, 3, "A", 5) is Outcome.ABSORBED  # its own amount does not matter
    assert money(customer) == (1, 100, 0, 1000)
    assert decayed(customer) == [2.0, 200.0, 4000.0]
    assert (customer.purchase_days, customer.last_purchase) == (1, DAY_S)


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


def test_refunds_without_an_id_are_different_refunds() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    refund(customer, 3, "A", 100)
    refund(customer, 3, "A", 100)
    assert money(customer) == (1, 800, 2, 200)


@pytest.mark.parametrize("waits", [False, True])
def test_a_refund_id_counts_once(waits: bool) -> None:
    customer = Customer(1)
    acts = [lambda: refund(customer, 3, "A", 100, refund_id="r-1"), lambda: order(customer, 2, "A", 1000)]
    for act in acts if waits else reversed(acts):
        act()
    assert refund(customer, 4, "A", 100, refund_id="r-1") is Outcome.REPEATED_REFUND
    assert refund(customer, 4, "B", 50, refund_id="r-1") is Outcome.UNMATCHED  # of another order
    assert refund(customer, 5, "A", 200, refund_id="r-2") is Outcome.ABSORBED
    assert money(customer) == (1, 650, 3, 350)


def test_four_refund_ids_are_remembered_per_order() -> None:
    customer = Customer(1)
    order(customer, 2, "A", 1000)
    for number in range(5):
        refund(customer, 3, "A", 10, refund_id=f"r-{number}")
    assert refund(customer, 3, "A", 10, refund_id="r-1") is Outcome.REPEATED_REFUND
    assert refund(customer, 3, "A", 10, refund_id="r-0") is Outcome.ABSORBED


def filled(first_day: int = 0, orders: int = 33) -> Customer:
    """Return a customer with an order of 1000 per day, named by its day. The default is one more than is remembered."""
    customer = Customer(1)
    for day in range(first_day, first_day + orders):
        order(customer, day, f"o-{day}", 1000)
    return customer


def test_32_orders_are_remembered() -> None:
    customer = filled(orders=32)
    assert order(customer, 0, "o-0", 1000) is Outcome.REPEATED_ORDER
    assert refund(customer, 32, "o-0", 100) is Outcome.ABSORBED
    assert money(customer) == (32, 31_900, 1, 100)


def test_an_order_that_falls_out_is_part_of_a_tile() -> None:
    customer = filled(orders=35)
    assert order_tiles.unpack(customer.tiles) == [
        order_tiles.Tile(order_tiles.DAY, day, orders=1, money=1000) for day in (2, 1, 0)
    ]
    assert order(customer, 0, "o-0", 1000) is Outcome.ABSORBED  # counted a second time
    assert money(customer) == (36, 36_000, 0, 0)
    assert order_tiles.unpack(customer.tiles)[-1].orders == 2


def test_a_refund_of_a_forgotten_order_takes_no_more_than_its_tile_holds() -> None:
    customer = filled()
    spent = decayed(customer)[1]
    assert refund(customer, 40, "o-0", 5000, order_at=0.0) is Outcome.UNMATCHED
    assert money(customer) == (33, 32_000, 1, 1000)
    assert decayed(customer) == [2.0**33 - 1, spent - 1000.0, 1000.0]
    refund(customer, 40, "o-0", 5000, order_at=0.0)
    assert money(customer) == (33, 32_000, 2, 1000)


def test_a_cancellation_of_a_forgotten_order_takes_the_order_back_too() -> None:
    customer = filled()
    assert cancel(customer, 40, "o-0", 1000, order_at=0.0) is Outcome.UNMATCHED
    assert money(customer) == (32, 32_000, 0, 1000)
    cancel(customer, 40, "o-0", 1000, order_at=0.0)
    assert money(customer) == (32, 32_000, 0, 1000)


def test_a_refund_of_a_later_order_waits_although_others_are_forgotten() -> None:
    customer = filled()
    assert refund(customer, 40, "late", 300) is Outcome.UNMATCHED
    assert money(customer) == (33, 32_700, 1, 300)
    order(customer, 39, "late", 1000)
    assert money(customer) == (34, 33_700, 1, 300)


def test_a_refund_that_waits_takes_a_place_among_remembered_orders() -> None:
    customer = Customer(1)
    refund(customer, 0, "A", 300)
    for day in range(1, 33):
        order(customer, day, f"o-{day}", 1000)
    assert order_tiles.unpack(customer.tiles) == [order_tiles.Tile(order_tiles.DAY, 0, orders=0, money=0)]
    order(customer, 0, "A", 500)  # its refund is forgotten, and stays where it was
    assert money(customer) == (33, 32_200, 1, 300)


def test_a_cancelled_order_counts_as_never_placed() -> None:
    for names in (("A", "B", "C"), ("C", "B", "A")):
        customer = Customer(1)
        days = {"A": 3, "B": 10, "C": 24}
        for name in names:
            order(customer, days[name], name, 1000)
        cancel(customer, 25, "C")
        assert (customer.first_purchase, customer.last_purchase) == (3 * DAY_S, 10 * DAY_S)
        assert (customer.purchase_days, int.from_bytes(customer.days, "little")) == (2, 0b1000_0001)
        cancel(customer, 25, "A")
        assert (customer.first_purchase, customer.last_purchase, customer.purchase_days) == (10 * DAY_S, 10 * DAY_S, 1)
        cancel(customer, 25, "B")
        assert (customer.first_purchase, customer.last_purchase, customer.purchase_days) == (inf, -inf, 0)


def test_a_day_with_another_order_stays_a_purchase_day() -> None:
    customer = Customer(1)
    order(customer, 3.25, "A", 1000)
    order(customer, 3.75, "B", 1000)
    cancel(customer, 4, "B")
    assert (customer.purchase_days, customer.last_purchase) == (1, 3.25 * DAY_S)


def test_a_cancelled_last_order_goes_back_to_remembered_ones_only() -> None:
    customer = filled(orders=34)
    for day in range(33, 1, -1):
        cancel(customer, 50, f"o-{day}")
    assert (customer.purchases, customer.purchase_days) == (2, 2)
    assert (customer.first_purchase, customer.last_purchase) == (0.0, DAY_S)  # of the day tiles


def test_the_discount_of_a_cancelled_order_goes_too() -> None:
    customer = Customer(1)
    order(customer, 1, "A", 1000, coupon="SAVE10")
    order(customer, 2, "B", 500, discount=1.5)
    order(customer, 2, "C", 700, discount=0.0)
    assert (customer.coupon_orders, customer.sums[DISCOUNTED]) == (2, 2000.0 + 2000.0)
    cancel(customer, 3, "A")
    assert (customer.coupon_orders, customer.sums[DISCOUNTED]) == (1, 2000.0)
