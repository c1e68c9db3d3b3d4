from __future__ import annotations

import json

import numpy as np
import pytest

from stream_seg.core.features import FEATURES
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
    ("stands", "outcome"),
    [
        (verdict(99, 0.5, 0.0), Outcome.GOES_ON),  # too few samples, whatever they say
        (verdict(100, 0.05, 0.01), Outcome.WON),
        (verdict(100, 0.019, 0.001), Outcome.GOES_ON),  # may still become large enough
        (verdict(100, 0.015, 0.001), Outcome.LOST),
        (verdict(100, 0.05, 0.03), Outcome.GOES_ON),  # large, but may be an accident
        (verdict(400, 0.05, 0.03), Outcome.LOST),
        (verdict(100, -0.10, 0.03), Outcome.LOST),
        (verdict(100, -0.10, 0.08), Outcome.GOES_ON),
        (Verdict(100, 0.0, 0.0, 0.0), Outcome.LOST),  # those in force are where everyone is
    ],
)
def test_a_trial_ends_when_it_is_clear(stands: Verdict, outcome: Outcome) -> None:
    assert stands.outcome(POLICY, POLICY.trial_samples) is outcome


def rows(*refund_shares: float) -> np.ndarray:
    out = np.zeros((len(refund_shares), len(FEATURES)))
    out[:, FEATURES.index("refund_share")] = refund_shares
    return out


def clusters(*centers: float, scaling: Scaling = PLAIN) -> Clusters:
    return Clusters(scaling, np.array(centers).reshape(-1, 1), 0.5)


def test_what_the_challenger_saves_is_worked_out_on_the_same_customers() -> None:
    held = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.5), held)
    trial.judge(rows(0.5, 0.4), held)
    trial.judge(rows(1.0), held)
    stands = trial.verdict
    before, after = np.array([0.25, 0.16, 0.0]), np.array([0.0, 0.01, 0.25])
    assert (stands.held_out, stands.before, stands.after) == pytest.approx((3, before.mean(), after.mean()))
    residual = (before - after) - before * stands.gain
    assert stands.error == pytest.approx(residual.std(ddof=1) / np.sqrt(3) / before.mean())
    assert json.loads(json.dumps(stands.to_json()))["gain"] == pytest.approx(stands.gain, abs=1e-4)


def test_both_are_judged_in_the_scale_of_the_challenger() -> None:
    held = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.25, scaling=HALVES), held)
    trial.judge(rows(0.5), held)
    assert (trial.verdict.held_out, trial._sums.tolist()) == (1, [0.0625, 0.0625])


def test_a_sample_is_judged_by_the_centres_that_had_not_learned_it() -> None:
    held = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 1.0), held)
    customer = rows(0.6)
    held.learn_one(customer[0].tolist())
    trial.judge(np.repeat(customer, 2, axis=0), held)
    assert trial.verdict.gain == 0.0
    trial.judge(np.repeat(customer, 2, axis=0), held)
    assert trial.verdict.gain < 0.0


def test_nobody_judged_is_no_verdict() -> None:
    held = clusters(0.0, 1.0)
    trial = Trial(clusters(0.0, 0.5), held)
    trial.judge(rows(), held)
    assert trial.verdict == Verdict(0)
    assert trial.verdict.outcome(POLICY, 100) is Outcome.GOES_ON
