from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.decay import DAY_S, LANDMARK_SPAN, Decay

ONE_DAY = Decay(DAY_S)


@pytest.mark.parametrize(
    ("day", "landmark", "weight"),
    [
        (0, 0, 1.0),
        (1, 0, 2.0),
        (10, 0, 1024.0),
        (0.5, 0, 2**0.5),
        (-1, 0, 0.5),
        (255, 0, 2.0**255),
        (256, 1, 1.0),
        (255, 1, 0.5),
        (0, 1, 2.0**-256),
    ],
)
def test_a_weight_doubles_with_every_half_life_after_the_landmark(day: float, landmark: int, weight: float) -> None:
    assert ONE_DAY.weight(day * DAY_S, landmark) == weight


def test_an_event_too_old_to_matter_has_no_weight() -> None:
    assert ONE_DAY.weight(0.0, 5) == 0.0  # 2 ** -1280


@pytest.mark.parametrize(
    ("day", "landmark"), [(0, 0), (255.99, 0), (256, 1), (511.99, 1), (512, 2), (256_000, 1000), (-0.01, -1)]
)
def test_landmarks_are_256_half_lives_apart(day: float, landmark: int) -> None:
    assert ONE_DAY.landmark(day * DAY_S) == landmark


def test_no_weight_overflows_just_before_the_next_landmark() -> None:
    last = np.nextafter(256 * DAY_S, 0.0)
    assert ONE_DAY.weight(float(last), ONE_DAY.landmark(float(last))) == pytest.approx(2.0**256)


def test_factors_turn_sums_into_their_values_now() -> None:
    now = np.array([3.0, 3.0, 257.0, 260.0]) * DAY_S
    latest = np.array([0.0, 2.0, 256.0, 255.0]) * DAY_S
    assert ONE_DAY.factors(now, latest).tolist() == [2.0**-3, 2.0**-3, 2.0**-1, 2.0**-260]


def test_a_sum_is_worth_less_by_half_each_half_life() -> None:
    total = ONE_DAY.weight(1 * DAY_S, 0) + ONE_DAY.weight(3 * DAY_S, 0)
    now = np.array([3.0, 4.0]) * DAY_S
    latest = np.array([3.0, 3.0]) * DAY_S
    assert (total * ONE_DAY.factors(now, latest)).tolist() == [1.25, 0.625]  # 1/4 + 1, then half of it


def test_moving_a_landmark_is_exact() -> None:
    total = 1 / 3 + 2**0.3 * 1e15
    assert total * 2.0**-LANDMARK_SPAN / 2.0**-LANDMARK_SPAN == total
    assert ONE_DAY.weight(255 * DAY_S, 0) * 2.0**-LANDMARK_SPAN == ONE_DAY.weight(255 * DAY_S, 1)


def test_factors_and_landmarks_agree_where_a_division_would_round_up() -> None:
    decay = Decay(22.4 * DAY_S)
    just_before = 1486356479.9999998  # the third landmark starts one rounding later
    assert decay.landmark(just_before) == 2
    moment = np.array([just_before])
    assert decay.weight(just_before, 2) * decay.factors(moment, moment)[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("half_life_days", "per_month"), [(30, 0.6931471805599453), (1, 20.79441541679836)])
def test_per_month_is_the_number_of_events_in_30_days_over_their_decayed_count(
    half_life_days: float, per_month: float
) -> None:
    assert Decay(half_life_days * DAY_S).per_month == pytest.approx(per_month, rel=1e-15)
