from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest

from stream_seg.core.dimensions.segment_model import SegmentModel, segment_id
from stream_seg.core.feature_names import FEATURES


def model(**changed: Any) -> SegmentModel:
    """Return a model with three centers at 0, 10 and 20 orders a month."""
    parts: dict[str, Any] = {
        "version": 1,
        "features": ("order_rate",),
        "log": (False,),
        "center": np.array([0.0]),
        "scale": np.array([1.0]),
        "centroids": np.array([[0.0], [10.0], [20.0]]),
        "names": ("few", "some", "many"),
    }
    return SegmentModel(**(parts | changed))


def matrix_of(**features: list[float]) -> np.ndarray[Any, Any]:
    """Return a feature matrix with zeros for features that are not given."""
    n = len(next(iter(features.values())))
    return np.column_stack([features.get(name, [0.0] * n) for name in FEATURES])


def test_ids_are_the_numbers_of_clusters() -> None:
    assert [segment_id(i) for i in (0, 5, 12)] == ["b0", "b5", "b12"]


def test_the_nearest_center_wins_and_the_next_is_second() -> None:
    found = model().assign(matrix_of(order_rate=[0.0, 4.0, 6.0, 14.0, 100.0]))
    assert found.best.tolist() == [0, 0, 1, 1, 2]
    assert found.second.tolist() == [1, 1, 0, 2, 1]
    assert found.distances.tolist() == [
        [0.0, 10.0, 20.0],
        [4.0, 6.0, 16.0],
        [6.0, 4.0, 14.0],
        [14.0, 4.0, 6.0],
        [100.0, 90.0, 80.0],
    ]


def test_an_assignment_has_the_distances_between_centers() -> None:
    found = model(names=("few", "gone", "some", "many"), numbers=(0, 2, 3)).assign(matrix_of(order_rate=[0.0]))
    assert found.apart.tolist() == [
        [0.0, inf, 10.0, 20.0],
        [inf, inf, inf, inf],
        [10.0, inf, 0.0, 10.0],
        [20.0, inf, 10.0, 0.0],
    ]


def test_of_two_equally_near_centers_the_first_wins() -> None:
    found = model().assign(matrix_of(order_rate=[5.0, 15.0]))
    assert (found.best.tolist(), found.second.tolist()) == ([0, 1], [1, 2])


def test_of_two_equal_centers_the_first_wins() -> None:
    twins = model(centroids=np.array([[7.0], [3.0], [3.0]]))
    found = twins.assign(matrix_of(order_rate=[3.0]))
    assert (found.best.tolist(), found.second.tolist()) == ([1], [2])


def test_distances_are_euclidean_over_the_features_of_the_model() -> None:
    two = model(
        features=("refund_share", "order_rate"),  # in an order of its own
        log=(False, False),
        center=np.zeros(2),
        scale=np.ones(2),
        centroids=np.array([[0.0, 0.0], [3.0, 4.0]]),
        names=("here", "there"),
    )
    found = two.assign(matrix_of(order_rate=[4.0], refund_share=[0.0], gap_days=[99.0]))
    assert found.distances.tolist() == [[4.0, 3.0]]


def test_scaling_subtracts_the_center_and_divides_by_the_scale() -> None:
    scaled = model(center=np.array([10.0]), scale=np.array([4.0])).scaled(matrix_of(order_rate=[10.0, 18.0, 0.0]))
    assert scaled.tolist() == [[0.0], [2.0], [-2.5]]


def test_a_logged_feature_is_log_1_plus_x_before_it_is_scaled() -> None:
    both = model(
        features=("spend_rate", "gap_days"),
        log=(True, False),
        center=np.array([1.0, 1.0]),
        scale=np.array([2.0, 2.0]),
        centroids=np.zeros((3, 2)),
    )
    scaled = both.scaled(matrix_of(spend_rate=[0.0, np.e - 1, np.e**5 - 1], gap_days=[0.0, 5.0, 9.0]))
    assert scaled == pytest.approx(np.array([[-0.5, -0.5], [0.0, 2.0], [2.0, 4.0]]), abs=1e-14)


def test_assigning_does_not_change_the_features() -> None:
    matrix = matrix_of(order_rate=[3.0])
    model(log=(True,)).assign(matrix)
    assert matrix.tolist() == matrix_of(order_rate=[3.0]).tolist()


def test_a_single_segment_takes_all_customers() -> None:
    found = model(centroids=np.array([[5.0]]), names=("all",)).assign(matrix_of(order_rate=[1.0, 900.0]))
    assert (found.best.tolist(), found.second.tolist()) == ([0, 0], [0, 0])


def test_an_empty_matrix_gives_an_empty_assignment() -> None:
    found = model().assign(np.empty((0, len(FEATURES))))
    assert (len(found.best), found.distances.shape) == (0, (0, 3))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"features": ("mood",)}, "model 1 uses features ['mood'], which this version does not compute"),
        ({"names": ("few", "some")}, "model 1: 1 features and 2 names do not fit centroids (3, 1)"),
        ({"center": np.zeros(2)}, "model 1: 1 features and 3 names do not fit centroids (3, 1)"),
        ({"scale": np.zeros(1)}, "model 1 has numbers that are not finite, or a scale that is not positive"),
        (
            {"centroids": np.array([[0.0], [np.nan], [1.0]])},
            "model 1 has numbers that are not finite, or a scale that is not positive",
        ),
        (
            {"center": np.array([np.inf])},
            "model 1 has numbers that are not finite, or a scale that is not positive",
        ),
    ],
)
def test_a_model_that_cannot_work_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        model(**changed)
    assert str(refused.value) == message
