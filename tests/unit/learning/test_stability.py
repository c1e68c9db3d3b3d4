"""Ids of segments survive restarts, fresh starts and other settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.policy import DAY_S, LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.publication import CHALLENGER, REFIT, STARTED

POLICY = LearnerPolicy(min_customers=1_000, warm_up_s=0.0)
PER_DAY = 800
BROWSING, RETURNS = FEATURES.index("browse_rate"), FEATURES.index("refund_share")


class Shop:
    """A shop that samples its customers each day and publishes the learner's snapshots."""

    def __init__(self, learner: Learner, rows: np.ndarray) -> None:
        self.learner = learner
        self.rows = rows
        self.published: list[ModelSnapshot] = []
        self.day = 0
        self._rng = np.random.default_rng(5)

    @property
    def active(self) -> ModelSnapshot:
        return self.published[-1]

    def labels(self) -> np.ndarray:
        """Return the segment of each customer by the active model."""
        return self.active.to_model().assign(self.rows).best

    def run(self, days: int) -> list[str]:
        """Run a number of days, and return the reasons of the snapshots published in them."""
        before = len(self.published)
        for _ in range(days):
            self.day += 1
            for at in self._rng.choice(len(self.rows), PER_DAY, replace=False).tolist():
                self.learner.observe(f"c{at}", self.rows[at].tolist(), self.day * DAY_S)
            if reason := self.learner.advance(self.day * DAY_S):
                parent = self.published[-1].version if self.published else 0
                self.published.append(self.learner.snapshot(self.day * DAY_S, "2026-01-01T00:00:00Z", parent, reason))
        return [each.reason for each in self.published[before:]]

    def restart(self, k: int = 6, policy: LearnerPolicy = POLICY) -> None:
        """Restore the learner from the last snapshot, as after a crash or a move to another worker."""
        self.learner = Learner.restore(parse_snapshot(self.active.dumps()), k, 1, policy)


@pytest.fixture
def shop(people) -> Shop:
    """A shop whose learner has started."""
    opened = Shop(Learner(6, 1, POLICY), people.rows)
    assert opened.run(14)[0] == STARTED
    return opened


def same(before: np.ndarray, after: np.ndarray) -> float:
    """Return the share of customers whose segment has the same id."""
    return float((before == after).mean())


def test_snapshots_seven_days_apart_agree_without_drift(shop: Shop) -> None:
    labels = []
    for _ in range(42):
        shop.run(1)
        labels.append(shop.labels())
    assert min(adjusted_rand_score(old, new) for old, new in zip(labels, labels[7:], strict=False)) >= 0.98


@pytest.mark.parametrize("at", [1, 3, 5])
def test_ids_survive_a_crash_of_the_learner_at_any_time(shop: Shop, at: int) -> None:
    before = shop.labels()
    shop.run(at)
    shop.restart()
    shop.run(14)
    assert same(before, shop.labels()) > 0.97
    assert shop.active.numbers == (0, 1, 2, 3, 4, 5)


def test_a_restarted_learner_continues_from_its_learned_centers(shop: Shop) -> None:
    while shop.run(1) != ["scheduled"]:
        pass
    learned = shop.learner.centers
    assert learned.tolist() != shop.active.centroids
    shop.restart()
    assert shop.learner.centers.tolist() == learned.tolist()


def jumped(people) -> np.ndarray:
    """Return the population after a campaign, which splits the occasional shoppers into two new kinds."""
    rows, half = people.rows.copy(), np.arange(len(people.rows)) % 2 == 0
    occasional = people.kinds == 2
    rows[occasional & half, BROWSING] *= 40.0
    rows[occasional & ~half, RETURNS] = 0.6
    return rows


def test_a_challenger_wins_after_a_jump_and_reports_the_moves(shop: Shop, people) -> None:
    before = shop.active
    shop.rows = jumped(people)
    reasons = shop.run(14)
    assert CHALLENGER in reasons
    snapshot = next(each for each in shop.published if each.reason == CHALLENGER)
    evidence = snapshot.evidence
    assert evidence["gain"] >= max(POLICY.promote_gain, 2 * evidence["gain_error"])
    assert evidence["held_out"] >= POLICY.trial_samples
    assert evidence["distance_after"] < evidence["distance_before"]
    assert evidence["moves"]["moved"] == sum(flow["customers"] for flow in evidence["moves"]["flows"])
    assert parse_snapshot(snapshot.dumps()) == snapshot
    assert set(before.numbers) - set(snapshot.numbers) == {int(each[1:]) for each in snapshot.ended}
    assert set(snapshot.numbers) - set(before.numbers) == {int(each[1:]) for each in snapshot.born}


def test_unchanged_customers_keep_their_segment_when_a_challenger_wins(shop: Shop, people) -> None:
    # Customers who return much are left out, because the new kind returns even more and takes their center.
    before, unchanged = shop.labels(), [people.kinds == kind for kind in (0, 1, 5)]
    shop.rows = jumped(people)
    assert CHALLENGER in shop.run(14)
    assert min(same(before[mine], shop.labels()[mine]) for mine in unchanged) > 0.9


def test_no_challenger_wins_without_a_change(shop: Shop) -> None:
    assert CHALLENGER not in shop.run(90)


def test_challengers_do_not_change_the_active_clusters_during_a_trial(people) -> None:
    tried, alone = (
        Shop(Learner(6, 1, policy), people.rows) for policy in (POLICY, replace(POLICY, challenge_every_s=1e12))
    )
    for each in (tried, alone):
        each.run(5)
    assert tried.learner.centers.tobytes() == alone.learner.centers.tobytes()


@pytest.mark.parametrize("k", [5, 7])
def test_another_k_adds_or_ends_segments_and_the_others_keep_their_ids(shop: Shop, k: int) -> None:
    before, previous = shop.labels(), shop.active
    shop.restart(k)
    assert REFIT in shop.run(3)
    refit = next(each for each in shop.published if each.reason == REFIT)
    assert len(refit.segments) == k
    ids = [{profile.id for profile in each.segments} for each in (previous, refit)]
    assert (set(refit.ended), set(refit.born)) == (ids[0] - ids[1], ids[1] - ids[0])
    assert len(refit.ended if k < 6 else refit.born) >= 1
    assert not ids[0] & set(refit.born)
    survived = np.isin(before, [int(each[1:]) for each in ids[0] & ids[1]])
    assert same(before[survived], shop.labels()[survived]) > 0.75
    names = {profile.id: profile.name for profile in previous.segments}
    kept = [profile.name == names[profile.id] for profile in refit.segments if profile.id in names]
    assert sum(kept) >= len(kept) - 2


def test_ids_of_ended_segments_are_not_reused(shop: Shop) -> None:
    seen = set(shop.active.numbers)
    for k in (5, 6, 5, 6):
        shop.restart(k)
        shop.run(3)
        refit = next(each for each in reversed(shop.published) if each.reason == REFIT)
        born = {int(each[1:]) for each in refit.born}
        assert not born & seen
        seen |= born
    assert len(seen) > 6
