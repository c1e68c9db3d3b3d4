"""Distinct UTC days with an order, late ones too."""

from __future__ import annotations

import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.events.purchase_days import DAY_WINDOW

from .acts import cancel, order, refund


def days_of(*days: float) -> Customer:
    """Return a customer with orders at these times, in days since the epoch."""
    customer = Customer(1)
    for number, day in enumerate(days):
        order(customer, day, f"o-{number}", 100)
    return customer


@pytest.mark.parametrize(
    ("days", "distinct"),
    [
        ((5,), 1),
        ((5, 5, 5.25, 5.999), 1),
        ((5.99998, 6), 2),  # two seconds around midnight UTC
        ((6, 5.99998), 2),
        ((1, 2, 3), 3),
        ((3, 1, 2), 3),
        ((3, 1, 1.5, 3, 2, 1), 3),
    ],
)
def test_distinct_days_are_utc_days_in_any_order(days: tuple[float, ...], distinct: int) -> None:
    assert days_of(*days).purchase_days == distinct


def test_the_window_is_384_days() -> None:
    assert DAY_WINDOW == 384


def test_days_older_than_the_window_become_a_number() -> None:
    customer = days_of(0, 383)
    assert (customer.days_before, customer.purchase_days) == (0, 2)
    order(customer, 384, "next", 100)  # day 0 leaves the window
    assert (customer.days_before, customer.purchase_days) == (1, 3)
    order(customer, 1000, "much later", 100)  # and so do both others
    assert (customer.days_before, customer.purchase_days) == (3, 4)


def test_a_late_order_inside_the_window_is_recognised_on_a_day_counted_before() -> None:
    customer = days_of(10, 11, 394)
    assert (customer.days_before, customer.purchase_days) == (1, 3)
    order(customer, 11.5, "the same day", 100)
    assert customer.purchase_days == 3
    order(customer, 12, "a new day", 100)
    assert customer.purchase_days == 4


def test_an_order_later_than_the_window_adds_no_day() -> None:
    # It is no longer known if day 0 was counted. It is left out, so gaps come out a little long.
    customer = days_of(384)
    order(customer, 0, "over a year late", 100)
    assert customer.purchase_days == 1
    assert (customer.first_purchase, customer.purchases) == (0.0, 2)
    order(customer, 1, "within the window", 100)
    assert customer.purchase_days == 2


def test_refunds_and_cancelled_orders_are_not_purchase_days() -> None:
    customer = days_of(5)
    refund(customer, 6, "o-0", 50)
    assert customer.purchase_days == 1
    cancel(customer, 8, "o-1")
    order(customer, 9, "o-1", 100)
    assert (customer.purchase_days, customer.last_purchase) == (1, 5 * 86_400)
    cancel(customer, 7, "o-0")
    assert customer.purchase_days == 0


def test_a_repeated_order_adds_no_day() -> None:
    customer = days_of(5)
    order(customer, 6, "o-0", 100)
    assert (customer.purchase_days, customer.last_purchase) == (1, 5 * 86_400)
