"""Laws of scaling: it is finite for any customer, equal for one and for many, and robust against extreme customers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.clustering.scaling import CLIP, Scaling
from stream_seg.learning.clustering.warm_start import good_start
from stream_seg.learning.learner import Learner

values = st.sampled_from([0.0, 1.0, 5.0, 1e-300, 1e6, 1e300]) | st.floats(0, 1e4)
rows = st.lists(st.lists(values, min_size=len(FEATURES), max_size=len(FEATURES)), min_size=1, max_size=30)
choices = st.lists(st.sampled_from(FEATURES), min_size=1, max_size=len(FEATURES), unique=True)
quick = settings(max_examples=50)


@quick
@given(rows, choices)
def test_scales_are_positive_and_points_finite(found: list[list[float]], chosen: list[str]) -> None:
    matrix = np.array(found)
    scaling = Scaling.fit(matrix, chosen)
    assert (np.array(scaling.scale) > 0).all()
    points = scaling.points(matrix)
    assert (np.abs(points) <= CLIP).all()
    assert np.allclose([scaling.point(row) for row in found], points)


@quick
@given(rows, st.randoms())
def test_the_order_of_customers_does_not_matter(found: list[list[float]], order: object) -> None:
    shuffled = list(found)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Scaling.fit(np.array(shuffled), FEATURES) == Scaling.fit(np.array(found), FEATURES)


@quick
@given(st.integers(0, 2**16), st.floats(1e3, 1e300))
def test_one_extreme_customer_in_a_hundred_hardly_moves_the_scale(seed: int, extreme: float) -> None:
    rng = np.random.default_rng(seed)
    usual = np.exp(rng.normal(1.0, 0.7, (400, len(FEATURES))))
    before = Scaling.fit(usual, FEATURES)
    after = Scaling.fit(np.vstack([usual, np.full((4, len(FEATURES)), extreme)]), FEATURES)
    assert np.allclose(after.center, before.center, atol=0.2)
    assert np.allclose(after.scale, before.scale, rtol=0.5)


@quick
@given(st.integers(0, 2**16), st.floats(1e3, 1e300))
def test_one_extreme_customer_in_two_hundred_gets_no_cluster(seed: int, extreme: float) -> None:
    rng = np.random.default_rng(seed)
    usual = np.exp(rng.normal(1.0, 0.7, (398, len(FEATURES))))
    customers = np.vstack([usual, np.full((2, len(FEATURES)), extreme)])
    points = Scaling.fit(customers, FEATURES).points(customers)
    centers = good_start(points, 6, np.random.default_rng(1))
    assert centers is not None
    nearest = np.square(points[:, None] - centers).sum(axis=2).argmin(axis=1)
    assert np.isin(nearest[-2:], nearest[:-2]).all()


@quick
@given(rows, choices, st.integers(2, 9))
def test_a_ready_learner_is_sound_with_any_features(found: list[list[float]], chosen: list[str], k: int) -> None:
    policy = LearnerPolicy(features=tuple(chosen), min_customers=5, warm_up_s=0.0, customers_per_cluster=1)
    learner = Learner(k, 1, policy)
    for number, row in enumerate(found):
        learner.observe(f"c{number}", row, float(number))
        learner.advance(float(number), drained=True)
    distinct = len({tuple(row[FEATURES.index(name)] for name in chosen) for row in found})
    assert len(learner.centers) <= min(k, distinct)
    assert np.isfinite(learner.centers).all()
    assert not learner.ready or len(learner.centers) >= 2
