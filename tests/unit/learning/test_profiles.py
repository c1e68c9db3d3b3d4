from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.scaling import Matrix
from stream_seg.learning.naming.profiles import Population, Profile, profiles
from stream_seg.learning.naming.sampled import Sampled

# order_rate, spend_rate, basket_value, recency_days, gap_days, browse_rate, cart_rate, refund_share, then the paces
SHOWN = FEATURES[:8]
OFTEN = [8.0, 400.0, 50.0, 2.0, 4.0, 3.0, 1.0, 0.0, 8.0, 400.0, 3.0]
RARELY = [1.0, 50.0, 50.0, 2.0, 30.0, 3.0, 1.0, 0.0, 1.0, 50.0, 3.0]
ONCE = [0.5, 20.0, 40.0, 9.0, 0.0, 3.0, 1.0, 0.0, 0.5, 20.0, 3.0]
NEVER = [0.0, 0.0, 0.0, 40.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 3.0]


def profiled(rows: Matrix, labels: list[int], typical: Matrix) -> list[Profile]:
    sample = Sampled.of(rows)
    return profiles(sample, np.array(labels), typical, Population.of(sample))


def test_shares_customers_and_medians_in_human_units() -> None:
    rows = np.array([OFTEN, OFTEN, OFTEN, RARELY])
    often, rarely = profiled(rows, [0, 0, 0, 1], np.zeros((2, len(FEATURES))))
    assert (often.customers, often.share) == (3, 0.75)
    assert (rarely.customers, rarely.share) == (1, 0.25)
    assert rarely.medians == dict(zip(SHOWN, RARELY, strict=False))


def test_the_strongest_difference_comes_first() -> None:
    rows = np.array([OFTEN, OFTEN, OFTEN, RARELY])
    _, rarely = profiled(rows, [0, 0, 0, 1], np.zeros((2, len(FEATURES))))
    assert set(list(rarely.medians)[:3]) == {"order_rate", "spend_rate", "gap_days"}


def test_a_segment_without_customers_has_its_typical_features() -> None:
    rows = np.array([OFTEN, OFTEN])
    _, empty = profiled(rows, [0, 0], np.array([OFTEN, RARELY]))
    assert (empty.customers, empty.share) == (0, 0.0)
    assert empty.medians == dict(zip(SHOWN, RARELY, strict=False))


def test_z_score_is_the_distance_from_the_median_in_spreads() -> None:
    population = Population.of(Sampled.of(np.array([OFTEN, OFTEN, RARELY])))
    assert population.z_score("order_rate", 8.0) == 0.0
    assert population.z_score("order_rate", 1.0) < -1.0
    assert population.z_score("refund_share", 0.05) == pytest.approx(1.0)


def test_features_that_most_customers_lack_are_not_shown() -> None:
    rows = np.array([NEVER, NEVER, ONCE, ONCE, ONCE, OFTEN])
    never, once = profiled(rows, [0, 0, 1, 1, 1, 1], np.zeros((2, len(FEATURES))))
    assert never.without_orders
    assert not never.one_time
    assert set(never.medians) == {"order_rate", "spend_rate", "browse_rate", "cart_rate"}
    assert (once.without_orders, once.one_time) == (False, True)
    assert set(SHOWN) - set(once.medians) == {"gap_days"}


def test_medians_count_only_customers_with_the_feature() -> None:
    rows = np.array([NEVER, ONCE, ONCE])
    (segment,) = profiled(rows, [0, 0, 0], np.zeros((1, len(FEATURES))))
    assert segment.medians["basket_value"] == 40.0
    assert segment.medians["recency_days"] == 9.0  # not the 40 days since the customer without orders was first seen


def test_a_mixed_segment_has_no_flags() -> None:
    (mixed,) = profiled(np.array([NEVER, ONCE, OFTEN]), [0, 0, 0], np.zeros((1, len(FEATURES))))
    assert (mixed.without_orders, mixed.one_time, "gap_days" in mixed.medians) == (False, False, False)


def test_half_is_not_most() -> None:
    returned = [0.5, 0.0, 0.0, 9.0, 0.0, 3.0, 1.0, 1.0, 0.5, 0.0, 3.0]
    (half,) = profiled(np.array([NEVER, returned]), [0, 0], np.zeros((1, len(FEATURES))))
    assert (half.without_orders, half.one_time, half.returned_everything) == (False, False, False)
    (most,) = profiled(np.array([NEVER, returned, returned]), [0, 0, 0], np.zeros((1, len(FEATURES))))
    assert (most.without_orders, most.one_time, most.returned_everything) == (False, True, True)


def test_order_rates_are_compared_with_customers_who_order() -> None:
    population = Population.of(Sampled.of(np.array([NEVER] * 9 + [RARELY] * 3)))
    assert population.z_score("order_rate", 1.0) == population.z_score("basket_value", 50.0) == 0.0
    assert population.z_score("browse_rate", 3.0) == 0.0


def test_a_population_without_orders_has_a_center() -> None:
    population = Population.of(Sampled.of(np.array([NEVER] * 3)))
    assert population.z_score("basket_value", 0.0) == population.z_score("order_rate", 0.0) == 0.0
