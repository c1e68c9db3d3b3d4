from __future__ import annotations

from math import inf

import numpy as np
import pytest

from stream_seg.core.dimensions.segment_model import Assignment, Hysteresis

LINE = 10.0  # the default distance between centers


def moves(hysteresis: Hysteresis, distances: list[float], current: int, since: float = 0.0, now: float = 1e6) -> bool:
    """Return whether a customer at these distances from the centers leaves the current segment."""
    order = np.argsort(distances, kind="stable")
    apart = LINE * (1.0 - np.eye(len(distances)))
    assignment = Assignment(order[:1], order[1:2], np.array([distances]), apart)
    moving = hysteresis.moves(assignment, np.array([current]), np.array([since]), np.array([now]))
    assert moving.shape == (1,)
    return bool(moving[0])


@pytest.mark.parametrize("hysteresis", [Hysteresis(), Hysteresis(margin=0.9, dwell_s=1e9)])
def test_a_customer_without_a_segment_enters_the_nearest_at_once(hysteresis: Hysteresis) -> None:
    assert moves(hysteresis, [3.0, 3.1], current=-1)


@pytest.mark.parametrize("hysteresis", [Hysteresis(), Hysteresis(margin=0.2, dwell_s=60.0)])
def test_a_customer_in_the_nearest_segment_stays(hysteresis: Hysteresis) -> None:
    assert not moves(hysteresis, [3.0, 9.0], current=0)


def test_without_hysteresis_the_nearest_always_wins() -> None:
    assert moves(Hysteresis(), [3.0, 3.0000001], current=1)
    assert moves(Hysteresis(), [3.0, 4.0], current=1, since=1e6, now=1e6)


def test_an_equally_near_segment_is_no_reason_to_move() -> None:
    assert not moves(Hysteresis(), [3.0, 3.0], current=1)
    assert not moves(Hysteresis(), [0.0, 0.0], current=1)


@pytest.mark.parametrize(("at", "moving"), [(5.9, False), (6.1, True), (10.0, True), (14.0, True)])
def test_the_margin_is_a_share_of_the_way_from_the_border_to_the_center(at: float, moving: bool) -> None:
    # The border is at 5, the nearest center at 10: a fifth of the way is 6.
    assert moves(Hysteresis(margin=0.2), [abs(LINE - at), at], current=1) is moving


@pytest.mark.parametrize("beside", [0.0, 3.0, 1000.0])
@pytest.mark.parametrize(("at", "moving"), [(5.9, False), (6.1, True)])
def test_beside_the_line_the_border_is_as_wide(at: float, moving: bool, beside: float) -> None:
    distances = [float(np.hypot(LINE - at, beside)), float(np.hypot(at, beside))]
    assert moves(Hysteresis(margin=0.2), distances, current=1) is moving


@pytest.mark.parametrize(("now", "moving"), [(1059.9, False), (1060.0, True), (2000.0, True), (900.0, False)])
def test_a_customer_stays_for_the_dwell(now: float, moving: bool) -> None:
    assert moves(Hysteresis(dwell_s=60.0), [1.0, 10.0], current=1, since=1000.0, now=now) is moving


@pytest.mark.parametrize(
    ("dwells", "at", "moving"),
    [
        (1.0, 6.8, False),  # 0.1 + 0.3 * 0.5 ** (1 / 5) = 0.36: 6.8
        (1.0, 6.9, True),
        (5.0, 6.2, False),  # 0.1 + 0.15: 6.25
        (5.0, 6.3, True),
        (50.0, 5.49, False),
        (50.0, 5.51, True),
    ],
)
def test_after_a_move_the_margin_is_wide_and_narrows(dwells: float, at: float, moving: bool) -> None:
    bound = Hysteresis(margin=0.1, dwell_s=60.0)
    assert moves(bound, [LINE - at, at], current=1, since=0.0, now=60.0 * dwells) is moving


def test_a_margin_wider_than_after_a_move_does_not_narrow() -> None:
    bound = Hysteresis(margin=0.6, dwell_s=60.0)
    assert not moves(bound, [LINE - 7.9, 7.9], current=1, since=0.0, now=60.0)
    assert moves(bound, [LINE - 8.1, 8.1], current=1, since=0.0, now=60.0)


def test_margin_and_dwell_must_both_be_met() -> None:
    both = Hysteresis(margin=0.2, dwell_s=60.0)
    assert not moves(both, [4.5, 5.5], current=1, since=0.0, now=1e6)
    assert not moves(both, [0.0, 10.0], current=1, since=0.0, now=59.0)
    assert moves(both, [0.0, 10.0], current=1, since=0.0, now=60.0)


def test_customers_leave_a_segment_that_does_not_exist_at_once() -> None:
    strict = Hysteresis(margin=0.9, dwell_s=1e9)
    assert moves(strict, [3.0, 3.1], current=2, since=1000.0, now=1000.0)
    assert moves(strict, [3.0, 3.1], current=63, since=1000.0, now=1000.0)


def test_customers_leave_an_ended_segment_at_once() -> None:
    assert moves(Hysteresis(margin=0.9, dwell_s=1e9), [9.0, inf, 3.0], current=1)


def test_an_ended_first_segment_has_no_effect() -> None:
    apart = np.array([[inf, inf, inf], [inf, 0.0, LINE], [inf, LINE, 0.0]])
    assignment = Assignment(np.array([2, 2]), np.array([1, 1]), np.array([[inf, 9.0, 1.0]] * 2), apart)
    moving = Hysteresis().moves(assignment, np.array([-1, 1]), np.zeros(2), np.zeros(2))
    assert moving.tolist() == [True, True]


def test_many_customers_are_decided_independently() -> None:
    distances = np.array([[1.0, 9.0], [4.5, 5.5], [9.0, 1.0], [1.0, 9.0]])
    apart = np.array([[0.0, LINE], [LINE, 0.0]])
    assignment = Assignment(np.array([0, 0, 1, 0]), np.array([1, 1, 0, 1]), distances, apart)
    moving = Hysteresis(margin=0.2, dwell_s=10.0).moves(
        assignment, np.array([1, 1, -1, 5]), np.zeros(4), np.array([20.0, 1e6, 0.0, 0.0])
    )
    assert moving.tolist() == [True, False, True, True]


def test_no_customers_give_no_moves() -> None:
    no_customers = Assignment(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 3)), np.zeros((3, 3)))
    assert Hysteresis(0.2, 60.0).moves(no_customers, np.empty(0, np.intp), np.empty(0), np.empty(0)).tolist() == []
