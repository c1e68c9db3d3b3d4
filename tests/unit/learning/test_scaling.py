from __future__ import annotations

from math import log, log1p

import numpy as np
import pytest

from stream_seg.core.dimensions.segment_model import SegmentModel
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.scaling import CLIP, LOG_SCALE_FLOOR, Scaling, robust_scale


def table(**columns: list[float]) -> np.ndarray:
    """Return feature rows with these columns, and 0 in all others."""
    n = len(next(iter(columns.values())))
    return np.column_stack([columns.get(name, [0.0] * n) for name in FEATURES])


def test_fit_takes_the_median_and_the_quartiles_of_logs() -> None:
    rows = table(order_rate=[0.0, 1.0, 3.0, 7.0, 15.0])  # log1p: 0, 1, 2, 3, 4 times log 2
    scaling = Scaling.fit(rows, ["order_rate"])
    assert scaling.log == (True,)
    assert scaling.center[0] == pytest.approx(2 * log(2))
    assert scaling.scale[0] == pytest.approx(2 * log(2) / 1.349)


def test_shares_are_not_logged() -> None:
    scaling = Scaling.fit(table(refund_share=[0.0, 0.25, 0.5, 0.75, 1.0]), ["refund_share"])
    assert scaling.log == (False,)
    assert scaling.center == (0.5,)


def test_a_constant_feature_gets_the_smallest_scale() -> None:
    scaling = Scaling.fit(table(order_rate=[5.0] * 10), ["order_rate"])
    assert scaling.scale == (LOG_SCALE_FLOOR,)
    assert scaling.points(table(order_rate=[5.0])).tolist() == [[0.0]]


def test_the_outer_values_set_the_scale_where_most_are_equal() -> None:
    assert robust_scale(np.array([0.0] * 80 + [1.0] * 20), "refund_share") == pytest.approx(1 / 3.290)


def test_extreme_values_are_clipped() -> None:
    scaling = Scaling.fit(table(order_rate=[1.0, 2.0, 3.0, 4.0]), ["order_rate"])
    assert scaling.points(table(order_rate=[1e300])).tolist() == [[CLIP]]
    assert scaling.points(table(order_rate=[-1.0])).tolist() == scaling.points(table(order_rate=[0.0])).tolist()


def test_point_and_points_agree() -> None:
    rows = np.arange(3.0 * len(FEATURES)).reshape(3, -1) / 10
    scaling = Scaling.fit(rows, FEATURES)
    assert scaling.point(rows[2].tolist()) == pytest.approx(scaling.points(rows)[2].tolist(), abs=1e-12)


def test_human_units_invert_the_scaling() -> None:
    rows = np.arange(3.0 * len(FEATURES)).reshape(3, -1) / 10
    scaling = Scaling.fit(rows, FEATURES)
    assert scaling.human(scaling.points(rows)) == pytest.approx(rows)


def test_compared_undoes_shifting_and_dividing() -> None:
    scaling = Scaling(("order_rate",), (True,), (1.0,), (0.5,))
    assert scaling.compared(np.array([[2.0]])).tolist() == [[2.0]]
    assert scaling.human(np.array([[0.0]]))[0, 0] == pytest.approx(1.718281828)
    assert scaling.point([2.0, *[0.0] * 7]) == [pytest.approx((log1p(2) - 1) / 0.5)]


def test_workers_scale_in_the_same_way() -> None:
    rows = np.arange(5.0 * len(FEATURES)).reshape(5, -1) / 10
    scaling = Scaling.fit(rows, FEATURES)
    model = SegmentModel(
        version=1,
        features=scaling.features,
        log=scaling.log,
        center=np.array(scaling.center),
        scale=np.array(scaling.scale),
        centroids=np.zeros((2, len(FEATURES))),
        names=("a", "b"),
    )
    assert model.scaled(rows) == pytest.approx(scaling.points(rows))
