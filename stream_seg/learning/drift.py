"""Drift: River's ADWIN on how far customers are from their centres, and on the shares of the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

import numpy as np

from stream_seg.contracts.drift import What
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.features import FEATURES

from .clustering.policy import DAY_S
from .clustering.scaling import CLIP, Matrix

DISTANCE: Final[What] = "distance"
SHARE: Final[What] = "share"


@dataclass(frozen=True)
class DriftPolicy:
    """When a change is told; chosen with `scripts/bench drift`.

    ADWIN says that a mean has changed; the rest says whether that matters to anybody. A change that needs longer than
    `memory_s` is none: the learner follows it.
    """

    delta: float = 0.01  # ADWIN's
    settle_s: float = 120 * DAY_S  # after the first sample: until then rates still rise to what they are
    memory_s: float = 42 * DAY_S
    lookouts: int = 3  # at a time, begun one after the other
    least_before: int = 2_000  # sampled customers behind a level
    least_after: int = 2_000
    least_share: float = 0.045  # of all customers, more or fewer in a segment
    least_distance: float = 0.06  # farther or nearer, as a share of the distance before
    deviations: float = 2.5  # and so many of what chance does with so few customers

    @classmethod
    def for_half_life(cls, half_life_s: float) -> DriftPolicy:
        """The usual policy where counts decay with this half-life, seconds."""
        return cls(settle_s=4 * half_life_s)


class Drift(NamedTuple):
    """One thing that changed; `segment` is the index of a cluster, or None for all customers."""

    what: What
    segment: int | None
    before: float
    after: float
    since: float  # epoch seconds of stream time
    samples_before: int
    samples_after: int
    strength: float  # change as a multiple of the least that is told


class Report(NamedTuple):
    """What was found at `clock` (epoch seconds) about the centres of `model`; the strongest first, at least one."""

    clock: float
    model: ModelSnapshot
    found: list[Drift]


class DriftWatch:
    """Watches samples of customers. Call `observe` for each batch of them.

    Lookouts, begun one after the other, each compare customers with the model that was in force when it began: moving
    centres are no drift of customers. Nothing is kept across restarts; a new watch needs at least five days of samples.
    """

    def __init__(self, policy: DriftPolicy) -> None:
        self.policy = policy
        self._lookouts: list[_Lookout] = []
        self._clock = 0.0

    def observe(
        self, clock: float, customers: Sequence[str], rows: Sequence[Sequence[float]], model: ModelSnapshot
    ) -> Report | None:
        """Look at sampled customers: ids and features (len(FEATURES)) at `clock`, under the model in force.

        Gives a report when a change has become certain, and begins anew after it.
        """
        self._clock = clock = max(clock, self._clock)
        matrix = np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))
        finite = np.flatnonzero(np.isfinite(matrix).all(axis=1))
        matrix, seen = matrix[finite], [customers[at] for at in finite.tolist()]
        if not seen or clock - _first_clock(model) < self.policy.settle_s:
            return None
        self._begin(clock, model)
        for lookout in self._lookouts:
            lookout.take(clock, seen, matrix)
        for lookout in self._lookouts:
            if found := lookout.found():
                self._lookouts = []
                return Report(clock, lookout.model, found)
        return None

    def _begin(self, clock: float, model: ModelSnapshot) -> None:
        """Let lookouts go that remember too much, and begin one when it is time."""
        self._lookouts = [each for each in self._lookouts if clock - each.began < self.policy.memory_s]
        if not self._lookouts or clock - self._lookouts[-1].began >= self.policy.memory_s / self.policy.lookouts:
            self._lookouts.append(_Lookout(self.policy, clock, model))


class _Lookout:
    """Customers against one model, from `began` (epoch seconds) on."""

    def __init__(self, policy: DriftPolicy, began: float, model: ModelSnapshot) -> None:
        self.began, self.model = began, model
        self._policy = policy
        self._assigns = model.to_model()
        k = len(model.centroids)
        self._windows = [_Window(policy.delta) for _ in range(k + 1)]  # distance, then each share
        self._customers: set[str] = set()
        self._taken: list[tuple[int, float]] = []  # samples before each batch, and its clock

    def take(self, clock: float, customers: Sequence[str], rows: Matrix) -> None:
        """Customers sampled at a clock, with finite features (n, len(FEATURES))."""
        self._taken.append((self._windows[0].taken, clock))
        self._customers.update(customers)
        points = np.clip(self._assigns.scaled(rows), -CLIP, CLIP)
        from scipy.spatial.distance import cdist  # here: see at_need

        distances = cdist(points, self._assigns.centroids)
        nearest = distances.argmin(axis=1)
        self._windows[0].take(distances.min(axis=1).tolist())
        for segment, window in enumerate(self._windows[1:]):
            window.take((nearest == segment).astype(np.float64).tolist())

    def found(self) -> list[Drift]:
        """All that has changed by enough, the strongest first."""
        drifts = (self._drift(segment, window) for segment, window in enumerate(self._windows, -1))
        return sorted((each for each in drifts if each is not None), key=lambda each: -each.strength)

    def _drift(self, segment: int, window: _Window) -> Drift | None:
        """What one window says; `segment` -1 is the distance of all customers."""
        policy, before = self._policy, window.before
        if before is None or before.samples < policy.least_before or window.width < policy.least_after:
            return None
        after, all_of_them = window.mean, segment < 0
        least = policy.least_distance * before.mean if all_of_them else policy.least_share
        variance = window.variance if all_of_them else before.mean * (1.0 - before.mean)
        least = max(least, policy.deviations * sqrt(variance / len(self._customers)))
        strength = abs(after - before.mean) / least
        if strength < 1.0:
            return None
        since = max(clock for number, clock in self._taken if number <= window.taken - window.width)
        return Drift(
            DISTANCE if all_of_them else SHARE,
            None if all_of_them else segment,
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
    """River's ADWIN over one number a customer, and the level there was before its first cut."""

    def __init__(self, delta: float) -> None:
        from river.drift import ADWIN  # here: see at_need

        self._adwin = ADWIN(delta=delta)
        self.before: _Level | None = None
        self.taken = 0

    def take(self, values: Sequence[float]) -> None:
        """One number for each customer."""
        adwin = self._adwin
        for value in values:
            width, total = adwin.width, adwin.total
            adwin.update(value)
            if self.before is None and adwin.drift_detected:
                dropped = int(width + 1 - adwin.width)
                if dropped > 0:
                    self.before = _Level(float(total + value - adwin.total) / dropped, dropped)
        self.taken += len(values)

    @property
    def width(self) -> int:
        """Numbers since the last cut."""
        return int(self._adwin.width)

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(self._adwin.estimation)

    @property
    def variance(self) -> float:
        """Their variance; River's `variance` is the sum of squares."""
        return float(self._adwin.variance) / max(self.width, 1)


def _first_clock(model: ModelSnapshot) -> float:
    """Stream time of the learner's first sample; a model that does not tell has long settled."""
    first = model.learner.get("first_clock")
    return float(first) if isinstance(first, int | float) else -np.inf
