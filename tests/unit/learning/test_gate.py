"""The gate: refused snapshots with their evidence, and snapshots that pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.gate import COLLAPSED, FEWER, HALF_MOVED, UNUSABLE, refusal
from stream_seg.learning.publishing.moves import moves

from .snapshots import snapshot

NO_ROWS = np.empty((0, len(FEATURES)))
THREE = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))


def customers(points: list[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return customers at points of the two features of the snapshots."""
    rows = np.zeros((len(points), len(FEATURES)))
    rows[:, [FEATURES.index("order_rate"), FEATURES.index("refund_share")]] = points
    return rows


def test_a_moved_model_passes() -> None:
    assert refusal(snapshot(2, ((0.1, 0.0), (4.1, 4.0))), snapshot(1), NO_ROWS) is None


def test_numbers_that_are_not_finite_are_refused() -> None:
    broken = snapshot(2).model_copy(update={"centroids": [[float("nan"), 0.0], [4.0, 4.0]]})
    for good in (snapshot(1), None):
        found = refusal(broken, good, NO_ROWS)
        assert found is not None
        assert found.code == UNUSABLE
        assert found.evidence.startswith("workers cannot use it: centroids.0.0: Input should be a")


def test_numbers_that_give_infinite_distances_are_refused() -> None:
    broken = snapshot(2).model_copy(update={"scale": [1e-300, 1.0]})
    found = refusal(broken, snapshot(1), NO_ROWS)
    assert found is not None
    assert "give distances that are not finite" in found.evidence


def test_collapsed_centers_are_refused() -> None:
    found = refusal(snapshot(2, ((0.0, 0.0), (4.0, 0.0), (4.0, 0.1))), snapshot(1, THREE), NO_ROWS)
    assert found == (
        COLLAPSED,
        "the centers of b1 (Name 1) and b2 (Name 2) are 3.7% of the mean distance between centers apart. At least 5% is"
        " required, and in model 1 the nearest are 88% apart",
    )


def test_centers_that_were_collapsed_before_pass() -> None:
    near = ((0.0, 0.0), (4.0, 0.0), (4.0, 0.1))
    assert refusal(snapshot(2, near), snapshot(1, near), NO_ROWS) is None
    assert refusal(snapshot(1, near), None, NO_ROWS) is None  # better than none


def test_fewer_segments_than_the_settings_ask_for_are_refused() -> None:
    fewer = snapshot(2, THREE[:2], learner={"clusters": 3})
    assert refusal(fewer, snapshot(1, THREE), NO_ROWS) == (
        FEWER,
        "it has 2 segments, model 1 has 3, and the settings ask for 3",
    )
    asked = snapshot(2, THREE[:2], learner={"clusters": 2})
    assert refusal(asked, snapshot(1, THREE), NO_ROWS) is None


def test_moves_of_most_customers_without_gain_are_refused() -> None:
    rows = customers([(0.0, 0.0)] * 15 + [(4.0, 4.0)] * 15)
    swapped = snapshot(2, ((4.0, 4.0), (0.0, 0.0)))
    assert refusal(swapped, snapshot(1), rows) == (
        HALF_MOVED,
        "30 of 30 sampled customers (100%) would change segment, most of them (15) from b0 to b1, and inertia would go"
        " from 0.0 to 0.0. To move more than 50% of the customers, a model must lower it by 1%",
    )
    assert refusal(swapped, snapshot(1), rows[:19]) is None  # too few customers


def test_moves_of_most_customers_to_a_better_model_pass() -> None:
    rows = customers([(0.0, 0.0)] * 10 + [(3.0, 0.0)] * 10 + [(3.5, 0.0)] * 10)
    good, better = snapshot(1, ((2.0, 0.0), (0.0, 4.0))), snapshot(2, ((0.0, 0.0), (3.2, 0.0)))
    assert moves(good, better, rows).share > 0.5
    assert refusal(better, good, rows) is None


def test_snapshots_of_a_learner_pass(people) -> None:  # type: ignore[no-untyped-def]
    policy = LearnerPolicy(min_customers=100, warm_up_s=0.0, challenge_every_s=10.0, publish_every_s=20.0)
    learner, published = Learner(6, 1, policy), []
    for clock, rows in enumerate(np.split(people.rows, 100)):
        for number, row in enumerate(rows.tolist()):
            learner.observe(f"c{clock}-{number}", row, float(clock))
        if reason := learner.advance(float(clock)):
            snapshot = learner.snapshot(float(clock), "2026-01-01T00:00:00Z", len(published), reason)
            assert refusal(snapshot, published[-1] if published else None, learner.sample) is None
            published.append(snapshot)
    assert published[0].reason == "started"
    assert len(published) >= 4
