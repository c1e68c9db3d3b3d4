from __future__ import annotations

import numpy as np
import pytest

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.policy import DAY_S
from stream_seg.learning.drift import DriftPolicy, DriftWatch, Report

POLICY = DriftPolicy(settle_s=10 * DAY_S)
PER_DAY = 400


def model(version: int = 1, first_clock: float | None = 0.0) -> ModelSnapshot:
    """Return a model of two segments on one feature: about 2 orders in 30 days and about 20."""
    return ModelSnapshot(
        version=version,
        parent=0,
        created_at="2026-01-01T00:00:00Z",
        clock=0.0,
        features=["order_rate"],
        log=[True],
        center=[0.0],
        scale=[1.0],
        centroids=[[float(np.log1p(2.0))], [float(np.log1p(20.0))]],
        segments=[
            {"id": "b0", "name": "Few", "share": 0.7, "customers": 1},
            {"id": "b1", "name": "Many", "share": 0.3, "customers": 1},
        ],
        learner={} if first_clock is None else {"first_clock": first_clock},
        reason="made for the tests",
    )


def day_sample(often: float, rng: np.random.Generator, around: float = 0.3) -> np.ndarray:
    """Return a day's sample, of which the share `often` is in the second segment."""
    rates = np.where(rng.random(PER_DAY) < often, 20.0, 2.0) * np.exp(rng.normal(0, around, PER_DAY))
    rows = np.zeros((PER_DAY, len(FEATURES)))
    rows[:, FEATURES.index("order_rate")] = rates
    return rows


def reports(
    watch: DriftWatch,
    days: range,
    often: float = 0.3,
    *,
    seed: int = 1,
    snapshot: ModelSnapshot | None = None,
    **how: float,
) -> list[tuple[int, Report]]:
    """Return the days with their reports. Every day samples other customers."""
    rng = np.random.default_rng([seed, days.start])
    out = []
    for day in days:
        names = [f"c{day}-{at}" for at in range(PER_DAY)]
        report = watch.observe(day * DAY_S, names, day_sample(often, rng, **how).tolist(), snapshot or model())
        if report is not None:
            out.append((day, report))
    return out


@pytest.mark.parametrize("seed", range(3))
def test_a_steady_shop_gives_no_report_for_200_days(seed: int) -> None:
    assert reports(DriftWatch(POLICY), range(10, 210), seed=seed) == []


def test_a_share_that_grew_is_reported_with_evidence() -> None:
    watch = DriftWatch(POLICY)
    assert reports(watch, range(10, 40)) == []
    (day, report), *_ = reports(watch, range(40, 60), often=0.45)
    assert 40 <= day <= 48
    shares = {drift.segment: drift for drift in report.found if drift.what == "share"}
    assert shares[1].before == pytest.approx(0.3, abs=0.03)
    assert shares[1].after == pytest.approx(0.45, abs=0.04)
    assert shares[0].after < shares[0].before
    assert abs(shares[1].since / DAY_S - 40) <= 2
    assert shares[1].samples_before > 2_000
    assert [drift.strength for drift in report.found] == sorted((d.strength for d in report.found), reverse=True)
    assert report.model.version == 1


def test_scattered_customers_are_reported_as_a_longer_distance() -> None:
    watch = DriftWatch(POLICY)
    reports(watch, range(10, 40))
    (_, report), *_ = reports(watch, range(40, 60), around=0.5)
    strongest = report.found[0]
    assert (strongest.what, strongest.segment) == ("distance", None)
    assert strongest.after > 1.3 * strongest.before


def test_a_change_is_reported_once() -> None:
    watch = DriftWatch(POLICY)
    reports(watch, range(10, 40))
    assert len(reports(watch, range(40, 140), often=0.45)) == 1


def test_moving_centers_are_not_drift() -> None:
    watch, other = DriftWatch(POLICY), model(2).model_copy(update={"centroids": [[0.5], [1.5]]})
    assert reports(watch, range(10, 40)) == []
    assert reports(watch, range(40, 80), snapshot=other) == []


def test_nothing_is_reported_before_the_features_have_settled() -> None:
    late = DriftPolicy(settle_s=100 * DAY_S)
    watch = DriftWatch(late)
    assert reports(watch, range(10, 40)) + reports(watch, range(40, 99), often=0.6) == []


def test_a_model_without_a_first_clock_counts_as_settled() -> None:
    watch, snapshot = DriftWatch(DriftPolicy(settle_s=1e12)), model(first_clock=None)
    reports(watch, range(10, 40), snapshot=snapshot)
    assert reports(watch, range(40, 60), often=0.45, snapshot=snapshot)


def test_few_distinct_customers_need_a_larger_change() -> None:
    """A few more of 60 customers in a segment are chance, however often they are sampled."""
    watch, rng = DriftWatch(POLICY), np.random.default_rng(3)
    names = [f"c{at}" for at in range(60)] * 7
    for day in range(10, 100):
        rows = np.tile(day_sample(0.5, rng)[:1], (len(names), 1))
        often = np.arange(len(names)) % 60 < (18 if day < 50 else 22)
        rows[:, FEATURES.index("order_rate")] = np.where(often, 20.0, 2.0)
        assert watch.observe(day * DAY_S, names, rows.tolist(), model()) is None


def test_rows_with_numbers_that_are_not_finite_are_left_out() -> None:
    watch = DriftWatch(POLICY)
    assert watch.observe(20 * DAY_S, ["c"], [[float("nan")] * len(FEATURES)], model()) is None
    assert watch.observe(20 * DAY_S, [], [], model()) is None


def test_a_clock_that_goes_back_gives_no_report() -> None:
    watch = DriftWatch(POLICY)
    reports(watch, range(30, 40))
    assert reports(watch, range(20, 30)) == []
