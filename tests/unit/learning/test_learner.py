from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import DEFAULT_FEATURES, FEATURES
from stream_seg.learning.clustering.policy import DAY_S, LearnerPolicy
from stream_seg.learning.clustering.warm_start import inertia
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.publication import MOVED, REFIT, SCHEDULED, STARTED

HALF_LIFE_S = 30 * DAY_S
NEVER = 1e12
RATES = ("order_rate", "spend_rate", "basket_value", "browse_rate", "refund_share")
SMALL = LearnerPolicy(features=RATES, min_customers=100, warm_up_s=0.0, customers_per_cluster=10)


def feed(learner: Learner, rows: np.ndarray, clock: float = 0.0, prefix: str = "c") -> None:
    for index, row in enumerate(rows.tolist()):
        learner.observe(f"{prefix}{index}", row, clock)


def publish(learner: Learner, clock: float, parent: int = 0, reason: str = STARTED) -> ModelSnapshot:
    return learner.snapshot(clock, "2026-01-01T00:00:00Z", parent, reason)


@pytest.fixture
def started(people) -> Learner:
    """A learner of six clusters, started on 500 customers at clock 0 and published."""
    learner = Learner(6, 1, SMALL)
    feed(learner, people.rows[:500])
    assert learner.advance(0.0) == STARTED
    publish(learner, 0.0)
    return learner


def test_a_learner_has_no_clusters_before_the_start(people) -> None:
    learner = Learner(6, 1, SMALL)
    feed(learner, people.rows[:99])
    assert learner.advance(NEVER) is None
    assert not learner.ready
    assert learner.centers.shape == (0, 5)
    with pytest.raises(RuntimeError, match="nothing to publish yet"):
        publish(learner, 0.0)


def test_the_first_sample_must_be_large_and_a_half_life_old(people) -> None:
    learner = Learner(6, 1, LearnerPolicy.for_half_life(HALF_LIFE_S))
    feed(learner, people.rows[:999], clock=100.0)
    assert not learner.ready_to_start(NEVER)
    learner.observe("one more", people.rows[999].tolist(), 200.0)
    assert not learner.ready_to_start(99.0 + HALF_LIFE_S)
    assert learner.ready_to_start(100.0 + HALF_LIFE_S)


def test_repeated_samples_of_one_customer_count_once(people) -> None:
    learner = Learner(6, 1, SMALL)
    for _ in range(200):
        learner.observe("anna", people.rows[0].tolist(), 0.0)
    assert learner.customers == 1
    assert not learner.ready_to_start(NEVER, drained=True)


def test_a_drained_stream_starts_early_with_ten_customers_per_cluster(people) -> None:
    learner = Learner(6, 1, LearnerPolicy.for_half_life(HALF_LIFE_S))
    feed(learner, people.rows[:59])
    assert not learner.ready_to_start(0.0, drained=True)
    learner.observe("one more", people.rows[59].tolist(), 0.0)
    assert not learner.ready_to_start(0.0)
    assert learner.advance(0.0, drained=True) == STARTED


def test_identical_customers_do_not_start_a_learner(people) -> None:
    learner = Learner(6, 1, SMALL)
    feed(learner, np.tile(people.rows[0], (200, 1)))
    assert learner.advance(0.0) is None
    assert not learner.ready
    feed(learner, people.rows[:200])
    assert learner.advance(0.0) == STARTED


def test_a_reason_stays_until_a_snapshot_is_published(people) -> None:
    learner = Learner(6, 1, SMALL)
    feed(learner, people.rows[:100])
    assert [learner.advance(0.0), learner.due(0.0), learner.due(1.0)] == [STARTED] * 3
    publish(learner, 1.0)
    assert learner.due(1.0) is None


def test_a_snapshot_is_due_every_seven_days_if_anything_was_learned(started: Learner, people) -> None:
    assert started.due(7 * DAY_S) is None
    feed(started, people.rows[:1])
    assert started.due(7 * DAY_S - 1) is None
    assert started.due(7 * DAY_S) == SCHEDULED


def test_moved_centers_are_published_at_most_once_per_day(started: Learner, people) -> None:
    heavier = people.rows * np.array([2.0, 3.0, 1.5, 1.0, 1.0, 2.0, 2.0, 1.0, 2.0, 3.0, 2.0])
    feed(started, heavier)
    assert started.staleness() > SMALL.publish_gain
    assert started.advance(DAY_S - 1) is None
    assert started.advance(DAY_S) == MOVED
    publish(started, DAY_S, 1, MOVED)
    assert started.staleness() == 0.0
    assert started.advance(2 * DAY_S) is None


def test_scheduled_snapshots_keep_the_published_centers(started: Learner, people) -> None:
    before = publish(started, 0.0)
    feed(started, people.rows[:500])
    assert started.advance(DAY_S) is None
    after = publish(started, 7 * DAY_S, 1, SCHEDULED)
    assert after.centroids == before.centroids
    assert started.centers.tolist() != before.centroids


def test_a_snapshot_has_the_version_after_its_parent(started: Learner) -> None:
    snapshot = publish(started, 5.0, parent=11, reason=MOVED)
    assert (snapshot.version, snapshot.parent, snapshot.reason, snapshot.clock) == (12, 11, MOVED, 5.0)
    assert [segment.id for segment in snapshot.segments] == ["b0", "b1", "b2", "b3", "b4", "b5"]
    assert sum(segment.customers for segment in snapshot.segments) == 500
    assert snapshot.to_model().version == 12


def test_snapshots_are_small(started: Learner) -> None:
    assert len(publish(started, 0.0).model_dump_json()) < 12_000


def test_six_kinds_of_customers_are_found_and_named(started: Learner, people) -> None:
    feed(started, people.rows)
    snapshot = publish(started, 0.0)
    best = snapshot.to_model().assign(people.rows).best
    purity = [np.bincount(best[people.kinds == kind]).max() / (people.kinds == kind).sum() for kind in range(6)]
    assert min(purity) > 0.85
    assert {segment.name for segment in snapshot.segments} == {
        "Very frequent big baskets",
        "Very frequent small baskets",
        "Regular shoppers",
        "Browses a lot, rarely buys",
        "Frequent big baskets, engaged, many returns",
        "Lapsed regulars",
    }


def test_six_kinds_of_customers_are_found_with_the_usual_features(people) -> None:
    learner = Learner(6, 1, replace(SMALL, features=DEFAULT_FEATURES))
    feed(learner, people.rows[:500])
    assert learner.advance(0.0) == STARTED
    best = publish(learner, 0.0).to_model().assign(people.rows).best
    purity = [np.bincount(best[people.kinds == kind]).max() / (people.kinds == kind).sum() for kind in range(6)]
    assert min(purity) > 0.85


def test_20_000_samples_later_it_is_as_good_as_batch_k_means(people) -> None:
    learner = Learner(6, 1, LearnerPolicy(warm_up_s=0.0))
    order = np.random.default_rng(4).integers(len(people.rows), size=20_000)
    for index in order.tolist():
        learner.observe(f"c{index}", people.rows[index].tolist(), 0.0)
        if not learner.ready:
            learner.advance(0.0)
    snapshot = publish(learner, 0.0)
    points = snapshot.to_model().scaled(people.rows)
    batch = (kmeans2(points, 6, minit="++", iter=50, seed=seed)[0] for seed in range(10))
    assert inertia(points, learner.centers) <= 1.02 * min(inertia(points, run) for run in batch)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_rows_with_numbers_that_are_not_finite_are_skipped(started: Learner, bad: float) -> None:
    before = started.centers.tobytes()
    started.observe("anna", [bad] * len(FEATURES), 0.0)
    assert started.skipped == 1
    assert started.centers.tobytes() == before


def test_a_row_of_the_wrong_length_is_rejected() -> None:
    with pytest.raises(ValueError, match=f"give all {len(FEATURES)}"):
        Learner(2, 1, SMALL).observe("anna", [1.0], 0.0)


@pytest.fixture
def restored(started: Learner) -> Callable[..., Learner]:
    """Return a function that restores the learner from the JSON of a snapshot, as after a restart."""
    text = publish(started, 0.0, parent=1).model_dump_json()

    def restore(k: int = 6, policy: LearnerPolicy = SMALL) -> Learner:
        return Learner.restore(ModelSnapshot.model_validate_json(text), k, 1, policy)

    return restore


def test_a_restart_changes_nothing(started: Learner, restored, people) -> None:
    learner = restored()
    for each in (learner, started):
        feed(each, people.rows[1000:1300])
    assert learner.centers.tobytes() == started.centers.tobytes()
    assert learner.due(8 * DAY_S) == started.due(8 * DAY_S) == SCHEDULED


def test_after_a_restart_profiles_stay_until_the_sample_has_refilled(started: Learner, restored, people) -> None:
    learner = restored()
    before = publish(started, 0.0).segments
    feed(learner, people.rows[:50])
    assert publish(learner, 0.0).segments == before
    feed(learner, people.rows[:300])
    after = publish(learner, 0.0).segments
    assert sum(segment.customers for segment in after) == 300
    assert [segment.name for segment in after] == [segment.name for segment in before]


@pytest.mark.parametrize("k", [4, 8])
def test_another_k_takes_effect_once_the_sample_has_refilled(restored, people, k: int) -> None:
    learner = restored(k)
    assert learner.advance(0.0) is None
    feed(learner, people.rows[:500])
    assert learner.advance(0.0) == REFIT
    assert len(learner.centers) == k
    publish(learner, 0.0)
    assert learner.advance(0.0) is None


def test_segments_keep_their_ids_with_other_features(restored, people, started: Learner) -> None:
    policy = LearnerPolicy(features=(*SMALL.features, "gap_days"), min_customers=100, warm_up_s=0.0)
    learner = restored(policy=policy)
    feed(learner, people.rows[:500])
    assert learner.advance(0.0) == REFIT
    old, new = (publish(each, 0.0).to_model().assign(people.rows).best for each in (started, learner))
    assert (old == new).mean() > 0.9


def test_a_snapshot_with_another_learner_format_is_rejected(started: Learner) -> None:
    values = json.loads(publish(started, 0.0).model_dump_json())
    values["learner"]["format"] = 99
    with pytest.raises(ValueError, match="format 99"):
        Learner.restore(ModelSnapshot.model_validate(values), 6, 1, SMALL)


def test_unknown_learner_fields_of_a_later_version_are_ignored(started: Learner) -> None:
    values = json.loads(publish(started, 0.0).model_dump_json())
    values["learner"] |= {"from_the_future": True, "counts": [1]}
    assert Learner.restore(ModelSnapshot.model_validate(values), 6, 1, SMALL).ready


def test_invalid_policies_are_rejected() -> None:
    with pytest.raises(ValueError, match="at least min_customers"):
        LearnerPolicy(min_customers=3_000)
    with pytest.raises(ValueError, match=r"such as 0\.003"):
        LearnerPolicy(learning_rate=1.0)


def test_a_custom_name_survives_a_fresh_start(people, started: Learner) -> None:
    first = publish(started, 1.0, 1, SCHEDULED)
    named = [
        each.model_copy(update={"name": "Mine", "name_pinned": True}) if each.id == "b2" else each
        for each in first.segments
    ]
    started.rename(named)
    renamed = publish(started, 1.0, 2, SCHEDULED)
    assert [each.name for each in renamed.segments if each.name_pinned] == ["Mine"]
    policy = LearnerPolicy(features=(*SMALL.features, "gap_days"), min_customers=100, warm_up_s=0.0)
    learner = Learner.restore(renamed, 6, 1, policy)
    feed(learner, people.rows[:2000], 2.0, "d")
    assert learner.advance(2.0) == REFIT
    refit = publish(learner, 2.0, 3, REFIT)
    assert [(each.name, each.name_pinned) for each in refit.segments if each.id == "b2"] == [("Mine", True)]
    assert [each.id for each in refit.segments if each.name_pinned] == ["b2"]
    before, after = (each.to_model().assign(people.rows).best == 2 for each in (first, refit))
    assert (before & after).sum() > 0.8 * before.sum()  # the renamed segment has the same customers


def test_a_resumed_learner_keeps_the_sample_and_does_not_start_afresh_at_once(people, started: Learner) -> None:
    first = publish(started, 1.0, 1, SCHEDULED)
    fewer = Learner.restore(first, 4, 1, SMALL)
    feed(fewer, people.rows[500:1000], 2.0, "d")
    again = fewer.resumed(first)
    assert again.customers == fewer.customers == 500
    assert again.centers.tolist() == first.centroids
    assert again.advance(2.0) is None  # not before a full sample of customers has arrived
    feed(again, people.rows[1000:1100], 3.0, "e")
    assert again.advance(3.0) == REFIT
