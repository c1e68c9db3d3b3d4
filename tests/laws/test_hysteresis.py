"""Laws of hysteresis: it only prevents moves, more with a wider margin, and fewer over time in a segment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.dimensions.segment_model import Assignment, Hysteresis

Flags = npt.NDArray[np.bool_]

coordinates = st.lists(st.floats(-10, 10), min_size=2, max_size=2)
centers = st.lists(coordinates, min_size=2, max_size=5)
customers = st.lists(coordinates, min_size=1, max_size=20)
margins = st.floats(0.0, 0.99)
dwells = st.sampled_from([0.0, 60.0])
ages = st.floats(0.0, 10_000.0)


def moving(rule: Hysteresis, at: list[list[float]], means: list[list[float]], age: float) -> Flags:
    """Return which customers at these points move, after `age` seconds in the segment of the first center."""
    points, centroids = np.array(at), np.array(means)
    distances = np.linalg.norm(points[:, np.newaxis] - centroids, axis=2)
    apart = np.linalg.norm(centroids[:, np.newaxis] - centroids, axis=2)
    order = distances.argsort(axis=1, kind="stable")
    assignment = Assignment(order[:, 0], order[:, 1], distances, apart)
    n = len(points)
    return rule.moves(assignment, np.zeros(n, np.intp), np.zeros(n), np.full(n, age))


@given(customers, centers, margins, dwells, ages)
def test_hysteresis_only_prevents_moves(
    at: list[list[float]], means: list[list[float]], margin: float, dwell_s: float, age: float
) -> None:
    free = moving(Hysteresis(), at, means, age)
    bound = moving(Hysteresis(margin, dwell_s), at, means, age)
    assert not (bound & ~free).any()
    if age < dwell_s:
        assert not bound.any()


@given(customers, centers, margins, margins, dwells, ages)
def test_a_wider_margin_prevents_more_moves(
    at: list[list[float]], means: list[list[float]], one: float, other: float, dwell_s: float, age: float
) -> None:
    narrow, wide = (moving(Hysteresis(each, dwell_s), at, means, age) for each in sorted((one, other)))
    assert not (wide & ~narrow).any()


@given(customers, centers, margins, dwells, ages, ages)
def test_a_longer_time_in_a_segment_prevents_fewer_moves(
    at: list[list[float]], means: list[list[float]], margin: float, dwell_s: float, one: float, other: float
) -> None:
    rule = Hysteresis(margin, dwell_s)
    early, late = (moving(rule, at, means, each) for each in sorted((one, other)))
    assert not (early & ~late).any()


@given(coordinates, centers, margins)
def test_a_customer_at_another_center_moves(at: list[float], means: list[list[float]], margin: float) -> None:
    if all(np.linalg.norm(np.subtract(at, each)) > 1e-3 for each in means):
        assert moving(Hysteresis(margin), [at], [*means, at], 0.0).all()
