"""Flags for the features that sampled customers have."""

from __future__ import annotations

import numpy as np

from stream_seg.core.activity_mix import MIX_SIZE, ORDER_COUNT, VIEWS, Mix
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.naming.sampled import Sampled


def row(**features: float) -> list[float]:
    return [features.get(name, 0.0) for name in FEATURES]


def mix(orders: float, views: float = 3.0) -> Mix:
    out = [0.0] * MIX_SIZE
    out[VIEWS], out[ORDER_COUNT] = views, orders
    return Mix(out, {})


def known(sample: Sampled) -> set[str]:
    """Return the features that the only customer of a sample has."""
    return {name for name, has in zip(FEATURES, sample.known[0].tolist(), strict=True) if has}


OF_ORDERS = {"recency_days", "basket_value", "gap_days", "refund_share"}
REPEATED = row(order_rate=2.0, spend_rate=90.0, basket_value=45.0, recency_days=3.0, gap_days=12.0)


def test_a_repeat_customer_has_all_features() -> None:
    assert known(Sampled.of(np.array([REPEATED]))) == set(FEATURES)


def test_a_customer_without_orders_has_no_order_features() -> None:
    sample = Sampled.of(np.array([row(recency_days=40.0, browse_rate=9.0)]))
    assert not sample.ordered[0]
    assert known(sample) == set(FEATURES) - OF_ORDERS


def test_a_one_time_customer_has_no_gap() -> None:
    once = row(order_rate=0.5, spend_rate=20.0, basket_value=40.0, recency_days=9.0)
    assert known(Sampled.of(np.array([once]))) == set(FEATURES) - {"gap_days"}


def test_a_decayed_order_counts_when_the_record_has_it() -> None:
    faded = np.array([row(order_rate=1e-30, recency_days=4_000.0)])
    assert not Sampled.of(faded).ordered[0]
    counted = Sampled.of(faded, [mix(orders=1.0)])
    assert counted.ordered[0]
    assert known(counted) == set(FEATURES) - {"basket_value", "gap_days", "refund_share"}


def test_a_canceled_order_does_not_count() -> None:
    # Two orders on two days, both canceled. Rounding leaves a remainder in the sums.
    canceled = np.array([row(order_rate=1e-17, refund_share=1.0, gap_days=5.0, recency_days=2.0)])
    sample = Sampled.of(canceled, [mix(orders=0.0)])
    assert not sample.ordered[0]
    assert known(sample) == set(FEATURES) - OF_ORDERS


def test_a_returned_order_leaves_a_basket_of_0() -> None:
    returned = row(order_rate=0.5, refund_share=1.0, recency_days=9.0)
    assert {"basket_value", "refund_share"} <= known(Sampled.of(np.array([returned])))


def test_medians_need_most_of_the_customers() -> None:
    never = row(browse_rate=4.0)
    assert Sampled.of(np.array([REPEATED, never, never])).medians()["browse_rate"] == 4.0
    assert "basket_value" not in Sampled.of(np.array([REPEATED, never, never])).medians()
    assert Sampled.of(np.array([REPEATED, never])).medians()["basket_value"] == 45.0
    assert Sampled.of(np.empty((0, len(FEATURES)))).medians() == {}
