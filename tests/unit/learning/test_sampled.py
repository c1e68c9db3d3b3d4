"""What can be said of a sampled customer at all."""

from __future__ import annotations

import numpy as np

from stream_seg.core.activity_mix import MIX_SIZE, ORDER_COUNT, VIEWS
from stream_seg.core.features import FEATURES
from stream_seg.learning.clustering.sampled import Sampled


def row(**features: float) -> list[float]:
    return [features.get(name, 0.0) for name in FEATURES]


def mix(orders: float, views: float = 3.0) -> list[float]:
    out = [0.0] * MIX_SIZE
    out[VIEWS], out[ORDER_COUNT] = views, orders
    return out


def known(sample: Sampled) -> set[str]:
    """Features that the one customer of a sample has."""
    return {name for name, has in zip(FEATURES, sample.known[0].tolist(), strict=True) if has}


OF_ORDERS = {"recency_days", "basket_value", "gap_days", "refund_share"}
REPEATED = row(order_rate=2.0, spend_rate=90.0, basket_value=45.0, recency_days=3.0, gap_days=12.0)


def test_who_came_again_has_all_there_is() -> None:
    assert known(Sampled.of(np.array([REPEATED]))) == set(FEATURES)


def test_who_never_ordered_has_no_last_order_no_basket_and_no_refunds() -> None:
    sample = Sampled.of(np.array([row(recency_days=40.0, browse_rate=9.0)]))
    assert not sample.ordered[0]
    assert known(sample) == set(FEATURES) - OF_ORDERS


def test_who_ordered_once_has_no_gap() -> None:
    once = row(order_rate=0.5, spend_rate=20.0, basket_value=40.0, recency_days=9.0)
    assert known(Sampled.of(np.array([once]))) == set(FEATURES) - {"gap_days"}


def test_an_order_of_long_ago_is_an_order_when_the_record_counts_it() -> None:
    faded = np.array([row(order_rate=1e-30, recency_days=4_000.0)])
    assert not Sampled.of(faded).ordered[0]
    told = Sampled.of(faded, np.array([mix(orders=1.0)]))
    assert told.ordered[0]
    assert known(told) == set(FEATURES) - {"basket_value", "gap_days", "refund_share"}


def test_a_cancelled_order_is_none() -> None:
    # Two orders on two days, both cancelled: the sums of what was added and taken away differ by rounding.
    cancelled = np.array([row(order_rate=1e-17, refund_share=1.0, gap_days=5.0, recency_days=2.0)])
    sample = Sampled.of(cancelled, np.array([mix(orders=0.0)]))
    assert not sample.ordered[0]
    assert known(sample) == set(FEATURES) - OF_ORDERS


def test_what_was_returned_leaves_a_basket_worth_nothing() -> None:
    returned = row(order_rate=0.5, refund_share=1.0, recency_days=9.0)
    assert {"basket_value", "refund_share"} <= known(Sampled.of(np.array([returned])))


def test_medians_need_most_of_the_customers() -> None:
    never = row(browse_rate=4.0)
    assert Sampled.of(np.array([REPEATED, never, never])).medians()["browse_rate"] == 4.0
    assert "basket_value" not in Sampled.of(np.array([REPEATED, never, never])).medians()
    assert Sampled.of(np.array([REPEATED, never])).medians()["basket_value"] == 45.0
    assert Sampled.of(np.empty((0, len(FEATURES)))).medians() == {}
