from __future__ import annotations

from math import log

import numpy as np
import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.events.taxonomy import CHANNEL_SLOT, INTERACTION_SLOT, ORDERS, REFUNDED, SPEND
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.features import compute
from stream_seg.core.record import columns

# With a half-life of 30 days, one event just now is a rate of ln 2 in 30 days.
MONTH = Decay(30 * DAY_S)
LN2 = log(2)


def seen_at(day: float) -> Customer:
    customer = Customer(1)
    customer.first_seen = customer.last_seen = day * DAY_S
    return customer


def feature(name: str, customer: Customer, day: float, decay: Decay = MONTH, minor_per_major: float = 100.0) -> float:
    """Return one feature of a customer at a time, in days since the epoch."""
    row = compute(columns([customer.pack()]), np.array([day * DAY_S]), decay, minor_per_major)
    assert np.isfinite(row).all()
    return float(row[0, FEATURES.index(name)])


def test_the_features_and_their_order() -> None:
    assert FEATURES == (
        "order_rate",
        "spend_rate",
        "basket_value",
        "recency_days",
        "gap_days",
        "browse_rate",
        "cart_rate",
        "refund_share",
        "order_pace",
        "spend_pace",
        "browse_pace",
    )


def test_a_new_customer_has_zero_features() -> None:
    row = compute(columns([Customer(1).pack()]), np.array([5 * DAY_S]), MONTH)
    assert row.tolist() == [[0.0] * len(FEATURES)]


@pytest.mark.parametrize(("day", "rate"), [(0, 4 * LN2), (30, 2 * LN2), (90, LN2 / 2)])
def test_order_rate_halves_with_every_half_life(day: float, rate: float) -> None:
    customer = seen_at(0)
    customer.sums[ORDERS] = 4.0
    assert feature("order_rate", customer, day) == pytest.approx(rate, rel=1e-14)


def test_a_steady_customer_has_the_rate_of_their_orders() -> None:
    # An endless order per day weighs 1 / (1 - 2 ** (-1/30)) = 43.78 orders, times ln 2.
    customer = seen_at(0)
    customer.sums[ORDERS] = 1 / (1 - 2 ** (-1 / 30))
    assert feature("order_rate", customer, 0) == pytest.approx(30.3479, abs=1e-4)


@pytest.mark.parametrize(("minor_per_major", "rate"), [(100.0, 69.3147180559945), (1.0, 6931.47180559945)])
def test_spend_rate_is_in_major_units(minor_per_major: float, rate: float) -> None:
    customer = seen_at(0)
    customer.sums[SPEND] = 10_000.0
    assert feature("spend_rate", customer, 0, minor_per_major=minor_per_major) == pytest.approx(rate, rel=1e-14)


@pytest.mark.parametrize("day", [0, 30, 300])
def test_basket_value_does_not_decay(day: float) -> None:
    customer = seen_at(0)
    customer.sums[ORDERS], customer.sums[SPEND] = 4.0, 10_000.0
    assert feature("basket_value", customer, day) == pytest.approx(25.0, rel=1e-14)


def test_basket_value_is_unknown_when_orders_have_decayed() -> None:
    customer = seen_at(0)
    customer.sums[ORDERS], customer.sums[SPEND] = 4.0, 10_000.0
    assert feature("basket_value", customer, 21 * 30) > 0  # 4 orders times 2 ** -21 are more than a millionth
    assert feature("basket_value", customer, 22 * 30) == 0.0


def test_recency_counts_from_the_last_order() -> None:
    customer = seen_at(8)
    customer.first_seen, customer.first_purchase, customer.last_purchase = 0.0, 2 * DAY_S, 4 * DAY_S
    assert feature("recency_days", customer, 10.5) == 6.5


def test_recency_counts_from_first_seen_where_there_is_no_order() -> None:
    customer = seen_at(8)
    customer.first_seen = 3 * DAY_S
    assert feature("recency_days", customer, 10.5) == 7.5


def test_recency_is_never_negative() -> None:
    customer = seen_at(8)
    customer.first_purchase = customer.last_purchase = 8 * DAY_S
    assert feature("recency_days", customer, 7) == 0.0


@pytest.mark.parametrize(
    ("first", "last", "days", "gap"),
    [
        (1.0, 11.0, 3, 5.0),
        (1.9, 11.1, 3, 5.0),  # days, not hours, are apart
        (1.0, 2.0, 2, 1.0),
        (1.0, 1.5, 1, 0.0),
        (0.0, 500.0, 5, 125.0),
    ],
)
def test_gap_is_the_mean_of_days_between_purchase_days(first: float, last: float, days: int, gap: float) -> None:
    customer = seen_at(last)
    customer.first_purchase, customer.last_purchase, customer.purchase_days, customer.day_bits = (
        first * DAY_S,
        last * DAY_S,
        days,
        1,
    )
    assert feature("gap_days", customer, last + 3) == gap


def test_a_customer_without_orders_has_no_gap() -> None:
    assert feature("gap_days", seen_at(3), 4) == 0.0


def test_browse_rate_counts_acts_of_a_customer_and_not_campaigns_received() -> None:
    customer = seen_at(0)
    for slot in INTERACTION_SLOT.values():
        customer.sums[slot] = 1.0
    customer.sums[INTERACTION_SLOT["campaign_received"]] = 100.0
    customer.sums[CHANNEL_SLOT["web"]] = 100.0  # shares, not events
    assert feature("browse_rate", customer, 0) == pytest.approx(15 * LN2, rel=1e-14)
    assert feature("browse_rate", customer, 60) == pytest.approx(15 / 4 * LN2, rel=1e-14)


def test_cart_rate_counts_products_added_and_checkouts_started() -> None:
    customer = seen_at(0)
    customer.sums[INTERACTION_SLOT["product_added"]] = 1.0
    customer.sums[INTERACTION_SLOT["checkout_started"]] = 2.0
    customer.sums[INTERACTION_SLOT["product_removed"]] = customer.sums[INTERACTION_SLOT["cart_viewed"]] = 50.0
    assert feature("cart_rate", customer, 30) == pytest.approx(1.5 * LN2, rel=1e-14)


@pytest.mark.parametrize(
    ("spend", "refunded", "share"),
    [
        (7500.0, 2500.0, 0.25),
        (0.0, 2500.0, 1.0),
        (-100.0, 2500.0, 1.0),  # a refund whose order is not known
        (7500.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (1e-7, 1e-7, 0.0),  # a rounding error is no money
    ],
)
def test_refund_share(spend: float, refunded: float, share: float) -> None:
    customer = seen_at(0)
    customer.sums[SPEND], customer.sums[REFUNDED] = spend, refunded
    assert feature("refund_share", customer, 0) == share


def weekly(orders: int = 60) -> Customer:
    """Return a customer who bought for 10.00 every seventh day since the epoch, last just now, and did nothing else."""
    customer = seen_at(7 * (orders - 1))
    customer.first_seen = customer.first_purchase = 0.0
    customer.last_purchase, customer.purchase_days, customer.day_bits = customer.last_seen, orders, 1
    customer.sums[ORDERS] = sum(2.0 ** (7 * i / 30) for i in range(orders))  # counted from the landmark at 0
    customer.sums[SPEND] = 1000.0 * customer.sums[ORDERS]
    return customer


def test_until_an_order_is_overdue_a_pace_is_constant_and_a_rate_is_not() -> None:
    customer, day = weekly(), 7 * 59
    rates = [feature("order_rate", customer, day + wait) for wait in (0, 3, 7, 10)]
    paces = [feature("order_pace", customer, day + wait) for wait in (0, 3, 7, 10)]
    assert rates[-1] < 0.8 * rates[0]
    assert paces == pytest.approx([rates[0]] * 4, rel=1e-12)
    assert feature("spend_pace", customer, day + 10) == pytest.approx(10 * paces[0], rel=1e-12)


def test_an_order_on_time_leaves_the_pace_where_it_was() -> None:
    before, after = (feature("order_pace", weekly(orders), 7 * (orders - 1)) for orders in (60, 61))
    assert after == pytest.approx(before, rel=1e-3)


def test_an_overdue_pace_halves_with_every_one_and_a_half_gaps_more() -> None:
    customer, day = weekly(), 7 * 59
    due, later = (feature("order_pace", customer, day + gaps * 7) for gaps in (1.5, 3.0))
    assert later == pytest.approx(due / 2 * 2 ** (-10.5 / 30), rel=1e-12)


def test_an_overdue_pace_halves_twice_and_then_decays_like_a_rate() -> None:
    customer, day = weekly(), 7 * 59
    twice, long_after = (feature("order_pace", customer, day + wait) for wait in (31.5, 61.5))
    assert twice == pytest.approx(feature("order_pace", customer, day) / 4 * 2 ** (-21 / 30), rel=1e-12)
    assert long_after == pytest.approx(twice / 2, rel=1e-12)


def test_a_customer_with_one_order_is_due_after_a_month_and_a_half() -> None:
    customer = seen_at(0)
    customer.first_purchase = customer.last_purchase = 0.0
    customer.purchase_days, customer.day_bits, customer.sums[ORDERS] = 1, 1, 1.0
    assert [feature("order_pace", customer, day) for day in (0, 45)] == pytest.approx([LN2, LN2], rel=1e-12)
    assert feature("order_pace", customer, 90) == pytest.approx(LN2 / 2 * 2 ** (-45 / 30), rel=1e-12)


def test_browse_pace_is_constant_for_a_week_after_the_last_event() -> None:
    customer = seen_at(0)
    customer.sums[INTERACTION_SLOT["product_viewed"]] = 1.0
    assert [feature("browse_pace", customer, day) for day in (0, 7)] == pytest.approx([LN2, LN2], rel=1e-12)
    assert feature("browse_pace", customer, 12) == pytest.approx(LN2 / 2 * 2 ** (-5 / 30), rel=1e-12)


def test_a_pace_is_constant_for_four_half_lives_at_most() -> None:
    customer = seen_at(20_000)
    customer.first_seen = customer.first_purchase = 0.0
    customer.last_purchase, customer.purchase_days, customer.day_bits = 20_000 * DAY_S, 2, 1  # a gap of 20,000 days
    customer.sums[ORDERS] = MONTH.weight(20_000 * DAY_S, MONTH.landmark(20_000 * DAY_S))
    assert feature("order_pace", customer, 20_120) == pytest.approx(LN2, rel=1e-9)
    assert feature("order_pace", customer, 20_150) == pytest.approx(LN2 / 2, rel=1e-9)
    row = compute(columns([customer.pack()]), np.array([25_000 * DAY_S]), Decay(60.0))
    assert np.isfinite(row).all()


def test_rounding_errors_are_not_negative() -> None:
    customer = seen_at(0)
    customer.sums[ORDERS] = customer.sums[SPEND] = -1e-12
    assert [feature(name, customer, 0) for name in ("order_rate", "spend_rate", "basket_value")] == [0.0, 0.0, 0.0]


def test_sums_count_from_the_landmark_of_the_last_event() -> None:
    customer = seen_at(256 * 30 + 30)  # one half-life after the first landmark: weight 2
    customer.sums[ORDERS] = 2.0
    assert feature("order_rate", customer, 256 * 30 + 30) == pytest.approx(LN2, rel=1e-14)
    assert feature("order_rate", customer, 256 * 30 + 60) == pytest.approx(LN2 / 2, rel=1e-14)


def test_after_thousands_of_half_lives_everything_has_faded() -> None:
    customer = seen_at(0)
    customer.sums[:] = [1e12] * len(customer.sums)
    now = 100_000 * 30
    row = compute(columns([customer.pack()]), np.array([now * DAY_S]), MONTH)
    assert row.tolist() == [[0.0, 0.0, 0.0, float(now), *[0.0] * (len(FEATURES) - 4)]]


def test_each_customer_has_a_now_of_their_own() -> None:
    customer = seen_at(0)
    customer.sums[ORDERS] = 4.0
    rows = compute(columns([customer.pack()] * 3), np.array([0.0, 30.0, 60.0]) * DAY_S, MONTH)
    assert rows[:, 0] == pytest.approx([4 * LN2, 2 * LN2, LN2], rel=1e-14)


def test_no_records_give_no_features() -> None:
    assert compute(columns([]), np.array([]), MONTH).shape == (0, len(FEATURES))
