"""Laws of the learner: models are sound for any samples, and a restart or new labels change nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.contracts.model import MAX_SEGMENTS, ModelSnapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.matching import renumber
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner

POLICY = LearnerPolicy(
    min_customers=12,
    warm_up_s=0.0,
    challenge_every_s=5.0,
    trial_samples=4,
    trial_longest=12,
    recent_customers=30,
    customers_per_cluster=2,
)

# Few distinct values, so that constant features and equal customers are common. They include zero and extreme values.
values = st.sampled_from([0.0, 1.0, 2.0, 7.5, 30.0, 1e-300, 1e6, 1e300]) | st.floats(0, 1e4)
shares = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)
rows = st.tuples(*(shares if name == "refund_share" else values for name in FEATURES)).map(list)
sample = st.tuples(st.integers(0, 40), rows)
samples = st.lists(sample, max_size=10) | st.lists(sample, min_size=25, max_size=60)
clusters = st.integers(2, 9)
quick = settings(max_examples=25)


def run(learner: Learner, fed: list[tuple[int, list[float]]], first: int = 0) -> list[ModelSnapshot]:
    """Feed samples one second apart, and return the snapshots of the learner."""
    published: list[ModelSnapshot] = []
    for clock, (customer, row) in enumerate(fed, first):
        learner.observe(f"c{customer}", row, float(clock))
        reason = learner.advance(float(clock), drained=clock % 2 == 0)
        if reason:
            published.append(learner.snapshot(float(clock), "2026-01-01T00:00:00Z", len(published), reason))
    return published


@quick
@given(samples, clusters)
def test_models_are_sound_for_any_samples(fed: list[tuple[int, list[float]]], k: int) -> None:
    learner = Learner(k, 1, POLICY)
    for snapshot in run(learner, fed):
        model = ModelSnapshot.model_validate_json(snapshot.model_dump_json()).to_model()
        assert 2 <= len(model.places) <= k
        assert len(set(model.names)) == len(model.names)
        assert np.isfinite(model.centroids).all()
        assert np.isfinite(list(snapshot.segments[0].features.values())).all()
        assert abs(sum(segment.share for segment in snapshot.segments) - 1) < 1e-9
        assert np.isfinite(model.assign(np.array([row for _, row in fed])).distances[:, model.places]).all()


@quick
@given(rows, clusters, st.integers(0, 50))
def test_identical_customers_never_give_a_model(row: list[float], k: int, n: int) -> None:
    learner = Learner(k, 1, POLICY)
    assert run(learner, [(customer, row) for customer in range(n)]) == []
    assert not learner.ready


@quick
@given(samples, clusters, st.integers(0, 3))
def test_the_same_seed_and_samples_give_the_same_bytes(fed: list[tuple[int, list[float]]], k: int, seed: int) -> None:
    first, second = (run(Learner(k, seed, POLICY), fed) for _ in range(2))
    assert [each.model_dump_json() for each in first] == [each.model_dump_json() for each in second]


@quick
@given(st.lists(rows, min_size=12, max_size=30), st.lists(rows, max_size=40), clusters)
def test_a_restart_changes_no_center(before: list[list[float]], after: list[list[float]], k: int) -> None:
    learner = Learner(k, 1, POLICY)
    published = run(learner, list(enumerate(before)))
    if not published:
        return
    snapshot = learner.snapshot(30.0, "2026-01-01T00:00:00Z", len(published), "moved")
    again = Learner.restore(ModelSnapshot.model_validate_json(snapshot.model_dump_json()), k, 1, POLICY)
    for customer, row in enumerate(after):
        learner.observe(f"c{customer}", row, 30.0)
        again.observe(f"c{customer}", row, 30.0)
    assert again.centers.tobytes() == learner.centers.tobytes()
    assert again.due(1e9) == learner.due(1e9)


@quick
@given(st.permutations(range(9)), st.lists(st.integers(1, 1000), min_size=9, max_size=9))
def test_reordered_clusters_get_their_numbers_back(places: list[int], sizes: list[int]) -> None:
    shared = np.zeros((9, 9), dtype=np.int64)
    shared[range(9), places] = sizes
    numbers = [0, 2, 3, 5, 8, 9, 11, 12, 20]
    found = renumber(shared, numbers, 21)
    assert (found.order, found.numbers, found.next_number) == (places, numbers, 21)


@quick
@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=6), st.integers(0, 126))
def test_numbers_differ_and_a_new_cluster_takes_a_free_one(shared: list[list[int]], next_number: int) -> None:
    counts = np.array(shared)
    numbers = list(range(0, 2 * len(counts), 2))
    found = renumber(counts, numbers, max(next_number, numbers[-1] + 1))
    assert sorted(found.order) == [0, 1, 2, 3]
    assert found.numbers == sorted(set(found.numbers))
    assert max(found.numbers) < MAX_SEGMENTS
