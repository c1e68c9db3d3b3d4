from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.features import FEATURES
from stream_seg.learning.profiles import Population, profiles

# order_rate, spend_rate, basket_value, recency_days, gap_days, browse_rate, cart_rate, refund_share, then the paces
TOLD = FEATURES[:8]
OFTEN = [8.0, 400.0, 50.0, 2.0, 4.0, 3.0, 1.0, 0.0, 8.0, 400.0, 3.0]
RARELY = [1.0, 50.0, 50.0, 2.0, 30.0, 3.0, 1.0, 0.0, 1.0, 50.0, 3.0]


def test_shares_customers_and_medians_in_human_units() -> None:
    rows = np.array([OFTEN, OFTEN, OFTEN, RARELY])
    often, rarely = profiles(rows, np.array([0, 0, 0, 1]), np.zeros((2, len(FEATURES))))
    assert (often.customers, often.share) == (3, 0.75)
    assert (rarely.customers, rarely.share) == (1, 0.25)
    assert rarely.medians == dict(zip(TOLD, RARELY, strict=False))


def test_the_strongest_difference_comes_first() -> None:
    rows = np.array([OFTEN, OFTEN, OFTEN, RARELY])
    _, rarely = profiles(rows, np.array([0, 0, 0, 1]), np.zeros((2, len(FEATURES))))
    assert set(list(rarely.medians)[:3]) == {"order_rate", "spend_rate", "gap_days"}


def test_a_segment_without_customers_is_described_by_what_is_typical() -> None:
    rows = np.array([OFTEN, OFTEN])
    _, empty = profiles(rows, np.array([0, 0]), np.array([OFTEN, RARELY]))
    assert (empty.customers, empty.share) == (0, 0.0)
    assert empty.medians == dict(zip(TOLD, RARELY, strict=False))


def test_standing_is_distance_from_the_median_in_spreads() -> None:
    population = Population.of(np.array([OFTEN, OFTEN, RARELY]))
    assert population.standing("order_rate", 8.0) == 0.0
    assert population.standing("order_rate", 1.0) < -1.0
    assert population.standing("refund_share", 0.05) == pytest.approx(1.0)
