from __future__ import annotations

import json

import numpy as np
import pytest

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.challenger import Outcome, Trial, Verdict
from stream_seg.learning.clustering.clusters import Clusters
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.clustering.scaling import Scaling

POLICY = LearnerPolicy(trial_samples=100, trial_longest=400, promote_gain=0.02, promote_errors=2.0)
PLAIN = Scaling(("refund_share",), (False,), (0.0,), (1.0,))
HALVES = Scaling(("refund_share",), (False,), (0.0,), (2.0,))


def verdict(held_out: int, gain: float, error: float) -> Verdict:
    return Verdict(held_out, 1.0, 1.0 - gain, error)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (verdict(99, 0.5, 0.0), Outcome.UNDECIDED),  # too few samples
        (verdict(100, 0.05, 0.01), Outcome.WON),
        (verdict(100, 0.019, 0.001), Outcome.UNDECIDED),  # may still become large enough
        (verdict(100, 0.015, 0.001), Outcome.LOST),
        (verdict(100, 0.05, 0.03), Outcome.UNDECIDED),  # large, but not significant
        (verdict(400, 0.05, 0.03), Outcome.LOST),
        (verdict(100, -0.10, 0.03), Outcome.LOST),
        (verdict(100, -0.10, 0.08), Outcome.UNDECIDED),
        (Verdict(100, 0.0, 0.0, 0.0), Outcome.LOST),  # the active centers fit all customers exactly
    ],
)
def test_a_trial_ends_when_its_result_is_clear(result: Verdict, outcome: Outcome) -> None:
    assert result.outcome(POLICY, POLICY.trial_samples) is outcome


def rows(*refund_shares: float) -> np.ndarray:
    out = np.zeros((len(refund_shares), len(FEATURES)))
    out[:, FEATURES.index("refund_share")] = refund_shares
    return out


def score(trial: Trial, customers: np.ndarray, active: Clusters) -> None:
    for row in customers.tolist():
        trial.add(row)
    trial.score(active)


def clusters(*centers: float, scaling: Scaling = PLAIN) -> Clusters:
    return Clusters(scaling, np.array(centers).reshape(-1, 1), 0.5)


def test_the_saving_is_computed_on_the_same_customers() -> None:
    active = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.5), active)
    score(trial, rows(0.5, 0.4), active)
    score(trial, rows(1.0), active)
    result = trial.verdict
    before, after = np.array([0.25, 0.16, 0.0]), np.array([0.0, 0.01, 0.25])
    assert (result.held_out, result.before, result.after) == pytest.approx((3, before.mean(), after.mean()))
    residual = (before - after) - before * result.gain
    assert result.error == pytest.approx(residual.std(ddof=1) / np.sqrt(3) / before.mean())
    assert json.loads(json.dumps(result.to_json()))["gain"] == pytest.approx(result.gain, abs=1e-4)


def test_both_sides_are_scored_in_the_scale_of_the_challenger() -> None:
    active = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.25, scaling=HALVES), active)
    score(trial, rows(0.5), active)
    assert (trial.verdict.held_out, trial._sums.tolist()) == (1, [0.0625, 0.0625])


def test_a_sample_is_scored_by_centers_that_have_not_learned_it() -> None:
    active = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 1.0), active)
    customer = rows(0.6)
    active.learn_one(customer[0].tolist())
    score(trial, np.repeat(customer, 2, axis=0), active)
    assert trial.verdict.gain == 0.0
    score(trial, np.repeat(customer, 2, axis=0), active)
    assert trial.verdict.gain < 0.0


def test_a_trial_without_samples_is_undecided() -> None:
    active = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.5), active)
    score(trial, rows(), active)
    assert trial.verdict == Verdict(0)
    assert trial.verdict.outcome(POLICY, 100) is Outcome.UNDECIDED
