"""Drift detection with River's ADWIN, on distances of customers to their centers and on shares of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

import numpy as np

from stream_seg.contracts.drift import What
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.feature_names import FEATURES

from .clustering.policy import DAY_S
from .clustering.scaling import CLIP, Matrix

DISTANCE: Final[What] = "distance"
SHARE: Final[What] = "share"


@dataclass(frozen=True)
class DriftPolicy:
    """Limits above which a change is reported, chosen with `scripts/bench drift`.

    ADWIN detects that a mean has changed. The limits decide whether the change is worth reporting. A change that takes
    longer than `memory_s` is not reported, because the learner follows it.
    """

    delta: float = 0.01  # confidence parameter of ADWIN
    settle_s: float = 120 * DAY_S  # after the first sample, because rates still rise to their final level until then
    memory_s: float = 42 * DAY_S
    monitors: int = 3  # at a time, started at even intervals
    least_before: int = 2_000  # samples before the change
    least_after: int = 2_000  # samples after the change
    least_share: float = 0.045  # change of a segment's share, as a share of all customers
    least_distance: float = 0.06  # change of the mean distance, as a share of the distance before
    deviations: float = 2.5  # change in standard deviations of chance for this many distinct customers

    @classmethod
    def for_half_life(cls, half_life_s: float) -> DriftPolicy:
        """Return the default policy for counts that decay with this half-life, in seconds."""
        return cls(settle_s=4 * half_life_s)


class Drift(NamedTuple):
    """One change that was detected. `segment` is the index of a cluster, or None for all customers."""

    what: What
    segment: int | None
    before: float
    after: float
    since: float  # epoch seconds of stream time
    samples_before: int
    samples_after: int
    strength: float  # change as a multiple of the smallest that is reported


class Report(NamedTuple):
    """Changes found at `clock` (epoch seconds) against the centers of `model`: at least one, the strongest first."""

    clock: float
    model: ModelSnapshot
    found: list[Drift]


class DriftWatch:
    """A watch on samples of customers. Call `observe` for each batch of them.

    It runs several monitors that start one after the other. Each monitor compares customers with the model that was
    active when it started, because centers that move are not drift of customers. Nothing is kept across restarts. A new
    watch needs at least five days of samples.
    """

    def __init__(self, policy: DriftPolicy) -> None:
        self.policy = policy
        self._monitors: list[_Monitor] = []
        self._clock = 0.0

    def observe(
        self, clock: float, customers: Sequence[str], rows: Sequence[Sequence[float]], model: ModelSnapshot
    ) -> Report | None:
        """Observe a batch of sampled customers: ids and features (len(FEATURES)) at `clock`, and the active model.

        Return a report when a change has become certain, and start over after it.
        """
        self._clock = clock = max(clock, self._clock)
        matrix = np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))
        finite = np.flatnonzero(np.isfinite(matrix).all(axis=1))
        matrix, seen = matrix[finite], [customers[at] for at in finite.tolist()]
        if not seen or clock - _first_clock(model) < self.policy.settle_s:
            return None
        self._rotate(clock, model)
        for monitor in self._monitors:
            monitor.observe(clock, seen, matrix)
        for monitor in self._monitors:
            if found := monitor.found():
                self._monitors = []
                return Report(clock, monitor.model, found)
        return None

    def _rotate(self, clock: float, model: ModelSnapshot) -> None:
        """Drop monitors that are older than `memory_s`, and start a new one when it is due."""
        self._monitors = [each for each in self._monitors if clock - each.started_at < self.policy.memory_s]
        if not self._monitors or clock - self._monitors[-1].started_at >= self.policy.memory_s / self.policy.monitors:
            self._monitors.append(_Monitor(self.policy, clock, model))


class _Monitor:
    """A comparison of customers with one model, from `started_at` (epoch seconds) on."""

    def __init__(self, policy: DriftPolicy, started_at: float, model: ModelSnapshot) -> None:
        self.started_at, self.model = started_at, model
        self._policy = policy
        self._assigner = model.to_model()
        k = len(model.centroids)
        self._windows = [_Window(policy.delta) for _ in range(k + 1)]  # of the distance, then of each share
        self._customers: set[str] = set()
        self._batches: list[tuple[int, float]] = []  # number of samples before each batch, and its clock

    def observe(self, clock: float, customers: Sequence[str], rows: Matrix) -> None:
        """Observe customers sampled at `clock`, with finite features (n, len(FEATURES))."""
        self._batches.append((self._windows[0].samples, clock))
        self._customers.update(customers)
        points = np.clip(self._assigner.scaled(rows), -CLIP, CLIP)
        from scipy.spatial.distance import cdist  # deferred, see lazy_imports

        distances = cdist(points, self._assigner.centroids)
        nearest = distances.argmin(axis=1)
        self._windows[0].extend(distances.min(axis=1).tolist())
        for segment, window in enumerate(self._windows[1:]):
            window.extend((nearest == segment).astype(np.float64).tolist())

    def found(self) -> list[Drift]:
        """Return the changes that are large enough to report, the strongest first."""
        drifts = (self._drift(segment, window) for segment, window in enumerate(self._windows, -1))
        return sorted((each for each in drifts if each is not None), key=lambda each: -each.strength)

    def _drift(self, segment: int, window: _Window) -> Drift | None:
        """Return the change in one window, if any. `segment` -1 is the distance of all customers."""
        policy, before = self._policy, window.before
        if before is None or before.samples < policy.least_before or window.width < policy.least_after:
            return None
        after, overall = window.mean, segment < 0
        least = policy.least_distance * before.mean if overall else policy.least_share
        variance = window.variance if overall else before.mean * (1.0 - before.mean)
        least = max(least, policy.deviations * sqrt(variance / len(self._customers)))
        strength = abs(after - before.mean) / least
        if strength < 1.0:
            return None
        since = max(clock for number, clock in self._batches if number <= window.samples - window.width)
        return Drift(
            DISTANCE if overall else SHARE,
            None if overall else segment,
            before.mean,
            after,
            since,
            before.samples,
            window.width,
            strength,
        )


class _Level(NamedTuple):
    mean: float
    samples: int


class _Window:
    """River's ADWIN over one number per customer, and the level before its first cut."""

    def __init__(self, delta: float) -> None:
        from river.drift import ADWIN  # deferred, see lazy_imports

        self._adwin = ADWIN(delta=delta)
        self.before: _Level | None = None
        self.samples = 0

    def extend(self, values: Sequence[float]) -> None:
        """Add one number for each customer."""
        adwin = self._adwin
        for value in values:
            width, total = adwin.width, adwin.total
            adwin.update(value)
            if self.before is None and adwin.drift_detected:
                dropped = int(width + 1 - adwin.width)
                if dropped > 0:
                    self.before = _Level(float(total + value - adwin.total) / dropped, dropped)
        self.samples += len(values)

    @property
    def width(self) -> int:
        """Count of numbers since the last cut."""
        return int(self._adwin.width)

    @property
    def mean(self) -> float:
        """Mean of the numbers since the last cut."""
        return float(self._adwin.estimation)

    @property
    def variance(self) -> float:
        """Variance of the numbers since the last cut. River's `variance` is their sum of squared deviations."""
        return float(self._adwin.variance) / max(self.width, 1)


def _first_clock(model: ModelSnapshot) -> float:
    """Return the stream time of the learner's first sample. A model without one counts as settled long ago."""
    first = model.learner.get("first_clock")
    return float(first) if isinstance(first, int | float) else -np.inf
