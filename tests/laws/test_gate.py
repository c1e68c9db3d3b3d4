"""Laws of the gate: unusable and harmful snapshots never pass, and the gate never raises."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.publishing.gate import CUSTOMERS_PER_SEGMENT, MOVED_ABOVE, UNUSABLE, refusal
from stream_seg.learning.publishing.moves import moves
from tests.unit.learning.snapshots import snapshot

quick = settings(max_examples=60)
numbers = st.floats(-4, 4)
centers = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=5)


@st.composite
def populations(draw: st.DrawFn) -> np.ndarray:
    """Draw some dozens of customers, or too few, or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.abs(rng.normal(0, 2, (draw(st.sampled_from([0, 5, 60, 200])), len(FEATURES))))


@quick
@given(centers, populations())
def test_the_active_model_passes(rows: list[tuple[float, float]], people: np.ndarray) -> None:
    assert refusal(snapshot(2, rows), snapshot(1, rows), people) is None


@quick
@given(centers, st.data(), populations())
def test_numbers_that_are_not_finite_never_pass(
    rows: list[tuple[float, float]], data: st.DataObject, people: np.ndarray
) -> None:
    broken = [list(row) for row in rows]
    broken[data.draw(st.integers(0, len(rows) - 1))][data.draw(st.integers(0, 1))] = data.draw(
        st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e300])
    )
    bad = snapshot(2, rows).model_copy(update={"centroids": broken})
    for good in (None, snapshot(1, rows)):
        found = refusal(bad, good, people)
        assert found is not None
        assert found.code == UNUSABLE


@quick
@given(centers, centers, populations())
def test_a_snapshot_that_passes_moves_most_customers_only_for_a_gain(
    new: list[tuple[float, float]], old: list[tuple[float, float]], people: np.ndarray
) -> None:
    candidate, good = snapshot(2, new), snapshot(1, old)
    found = refusal(candidate, good, people)
    assert found is None or (found.evidence and "\n" not in found.evidence)
    assert refusal(candidate, None, people) is None  # any usable snapshot passes without an active model
    if found is None and len(new) == len(old) and len(people) >= CUSTOMERS_PER_SEGMENT * len(new):
        moved = moves(good, candidate, people).share
        assert moved <= MOVED_ABOVE or spread(candidate, people) < spread(good, people)


def spread(model: ModelSnapshot, people: np.ndarray) -> float:
    """Return the inertia of customers around a snapshot's centers, clipped as in learning."""
    chosen = people[:, [FEATURES.index(name) for name in model.features]].clip(max=4.0)
    apart = chosen[:, np.newaxis] - np.array(model.centroids)
    return float(np.square(apart).sum(axis=2).min(axis=1).sum())
