"""Flaps, nearness and delays match their definitions in docs/internals/features.md."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from benchmarks.calm import ABSENT, Assigned, DailySegments, Followed, rule
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.segment_model import Assignment


def daily_segments(*histories: list[int]) -> DailySegments:
    """Return the segments of customers from one list of days per customer."""
    return DailySegments(0, np.array(histories, np.intp).T, [1.0] * len(histories[0]))


@pytest.mark.parametrize(
    ("history", "flaps"),
    [
        ([0, 1, 0], 1),  # there and back
        ([0, 1, 2, 0], 1),  # by way of another segment
        ([0, 1, 1, 1, 1, 1, 1, 1, 0], 1),  # left on day 1, back on day 8
        ([0, 1, 1, 1, 1, 1, 1, 1, 1, 0], 0),  # a day later
        ([0, 1, 0, 1], 2),
        ([0, 1, 2], 0),
        ([ABSENT, ABSENT, 0, 1], 0),  # the first segment is not a move
    ],
)
def test_a_flap_is_a_return_within_seven_days(history: list[int], flaps: int) -> None:
    days = sum(segment != ABSENT for segment in history)
    assert daily_segments(history).flaps_per_1000() == pytest.approx(1000 * flaps / days)


def test_moves_are_counted_by_customer_days() -> None:
    assert daily_segments([0, 1, 0, 0], [ABSENT, 2, 2, 1]).moves_per_1000() == pytest.approx(1000 * 3 / 7)


def test_margin_and_dwell_delay_moves() -> None:
    # One customer between two centers, at these shares of the way.
    apart, at = np.array([[0.0, 1.0], [1.0, 0.0]]), [0.3, 0.51, 0.8, 0.3, 0.2, 0.2]
    distances = [np.array([[place, 1.0 - place]]) for place in at]
    days = [Assignment(d.argmin(axis=1), d.argmax(axis=1), d, apart) for d in distances]
    assigned = Assigned(0, [DAY_S * day for day in range(1, 7)], days)
    assert DailySegments.under(assigned, rule(0.0, 3.0)).segments[:, 0].tolist() == [0, 1, 1, 0, 0, 0]
    strict = DailySegments.under(assigned, rule(0.1, 2.0))
    assert strict.segments[:, 0].tolist() == [0, 0, 1, 1, 0, 0]
    assert strict.nearest == [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]


def test_changes_that_were_never_followed_count_in_the_median() -> None:
    found = Followed(arrived=[3.0, inf, inf, 5.0], left=[2.0, 4.0, inf, 1.0], fading=[False, True, False, False])
    assert found.median(with_fading=True) == inf
    assert found.median(with_fading=False) == 5.0
    assert found.median_left() == 2.0
