from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from stream_seg.core.feature_names import DEFAULT_FEATURES, FEATURES
from stream_seg.learning.clustering.scaling import Scaling
from stream_seg.learning.clustering.warm_start import good_start, inertia


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_default_features_exist() -> None:
    assert set(DEFAULT_FEATURES) <= set(FEATURES)


def test_two_groups_get_a_center_each() -> None:
    points = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    assert good_start(points, 2, rng()) == pytest.approx(np.array([[0.0, 0.5], [9.0, 0.5]]))


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((1, 2)), np.full((50, 2), 3.0)])
def test_fewer_than_two_distinct_customers_give_no_start(points: np.ndarray) -> None:
    assert good_start(points, 6, rng()) is None


def test_fewer_distinct_customers_than_clusters_give_fewer_clusters() -> None:
    points = np.repeat(np.array([[0.0], [1.0], [5.0]]), 20, axis=0)
    centers = good_start(points, 6, rng())
    assert centers is not None
    assert sorted(centers[:, 0]) == [0.0, 1.0, 5.0]


def test_differences_too_small_to_square_are_ignored() -> None:
    points = np.array([[0.0], [1e-200], [2e-200], [1.0], [1.0], [2.0]])
    centers = good_start(points, 5, rng())
    assert centers is not None
    assert centers.shape == (3, 1)
    assert np.isfinite(centers).all()


def test_empty_clusters_in_restarts_do_not_lower_the_number_of_clusters() -> None:
    points = np.vstack([np.random.default_rng(5).normal(size=(40, 2)), np.full((400, 2), 0.25)])
    centers = good_start(points, 12, rng())
    assert centers is not None
    assert centers.shape == (12, 2)
    assert np.isfinite(centers).all()


def test_as_good_as_the_best_of_ten_runs_of_scipy(people) -> None:
    points = Scaling.fit(people.rows, DEFAULT_FEATURES).points(people.rows)
    centers = good_start(points, 6, rng())
    assert centers is not None
    runs = (kmeans2(points, 6, minit="++", iter=50, seed=seed)[0] for seed in range(10))
    assert inertia(points, centers) <= 1.005 * min(inertia(points, run) for run in runs)


def test_customers_with_a_thousand_orders_get_no_cluster_of_their_own(people) -> None:
    rows = people.rows[:1_000].copy()
    rows[:3, FEATURES.index("order_rate")] = 1_000.0
    rows[:3, FEATURES.index("spend_rate")] = 1e9
    points = Scaling.fit(rows, DEFAULT_FEATURES).points(rows)
    centers = good_start(points, 6, rng())
    assert centers is not None
    nearest = np.square(points[:, None] - centers).sum(axis=2).argmin(axis=1)
    assert np.bincount(nearest, minlength=6).min() > 30


def test_the_same_seed_gives_the_same_centers(people) -> None:
    points = Scaling.fit(people.rows, DEFAULT_FEATURES).points(people.rows[:500])
    first, second = good_start(points, 6, rng()), good_start(points, 6, rng())
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()
