"""Calm of segments: the segment of each customer by day, flaps, and the delay until real changes are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.daily import Daily
from benchmarks.learned import enough
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.segment_model import Assignment, Hysteresis, SegmentModel
from stream_seg.datasets.simulator import Simulation
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.worker.models.samples import FIRST_SAMPLE, SAMPLES_PER_DAY

COMPLETE_JOURNEY: Final = "complete_journey"
SIMULATED: Final = "population"

Days = NDArray[np.intp]
ABSENT: Final = -1

FLAP_DAYS: Final = 7
STAYS_DAYS: Final = 3  # a change counts as followed when the customer then stays this long
SETTLED_DAYS: Final = 60  # after a change of archetype, before the customer counts as typical of the new one
LASTING_DAYS: Final = 7


def learned(population: Daily, features: Sequence[str], half_life_s: float, k: int = 6) -> dict[int, SegmentModel]:
    """Return models by the day at whose end each becomes active, learned from a daily sample as workers draw it."""
    wanted = enough(len(population.customers))
    policy = LearnerPolicy(features=tuple(features), warm_up_s=half_life_s, min_customers=wanted)
    learner, rng = Learner(k, 1, policy), np.random.default_rng(1)
    models: dict[int, SegmentModel] = {}
    for day, (now, matrix) in enumerate(zip(population.times, population.features, strict=True)):
        wanted = min(len(matrix), SAMPLES_PER_DAY if learner.ready else FIRST_SAMPLE)
        for row in rng.choice(len(matrix), wanted, replace=False).tolist():
            learner.observe(population.customers[row], matrix[row].tolist(), now)
        if reason := learner.advance(now):
            models[day] = learner.snapshot(now, "2026-01-01T00:00:00Z", len(models), reason).to_model()
    return models


@dataclass(frozen=True)
class Assigned:
    """The distances of all customers to all centers on consecutive days from `first` on, as input for hysteresis."""

    first: int
    times: list[float]
    days: list[Assignment]

    @classmethod
    def of(cls, population: Daily, models: Mapping[int, SegmentModel], first: int) -> Assigned:
        """Assign customers by the active model of each day: the latest at or before it, or else the earliest."""
        days = []
        for day in range(first, len(population.times)):
            latest = max((at for at in models if at <= day), default=min(models))
            days.append(models[latest].assign(population.features[day]))
        return cls(first, population.times[first:], days)


@dataclass(frozen=True)
class DailySegments:
    """The segment of each customer at the end of each day.

    `segments` is (days, customers), with `ABSENT` before a customer's first event. `nearest` is the share of
    customers in their nearest segment, by day.
    """

    first: int
    segments: Days
    nearest: list[float]

    @classmethod
    def under(cls, assigned: Assigned, hysteresis: Hysteresis) -> DailySegments:
        """Evaluate all customers once per day, in the same way as `Engine.evaluate`."""
        customers = len(assigned.days[-1].best)
        current, since = np.full(customers, ABSENT, np.intp), np.zeros(customers)
        segments, nearest = np.full((len(assigned.days), customers), ABSENT, np.intp), []
        for day, (now, assignment) in enumerate(zip(assigned.times, assigned.days, strict=True)):
            n = len(assignment.best)
            moving = hysteresis.moves(assignment, current[:n], since[:n], np.full(n, now))
            current[:n][moving] = assignment.best[moving]
            since[:n][moving] = now
            segments[day, :n] = current[:n]
            nearest.append(float((current[:n] == assignment.best).mean()))
        return cls(assigned.first, segments, nearest)

    def moves_per_1000(self) -> float:
        """Return moves per 1,000 customer-days."""
        moved = (self.segments[1:] != self.segments[:-1]) & (self.segments[:-1] != ABSENT)
        return 1000.0 * float(moved.sum()) / float((self.segments != ABSENT).sum())

    def flaps_per_1000(self, within_days: int = FLAP_DAYS) -> float:
        """Return the returns into a segment that was left at most `within_days` before, per 1,000 customer-days."""
        flaps, (days, customers) = 0, self.segments.shape
        left = np.full((customers, self.segments.max() + 1), -(10**6))
        for day in range(1, days):
            now, before = self.segments[day], self.segments[day - 1]
            moved = np.flatnonzero((now != before) & (before != ABSENT))
            flaps += int((day - left[moved, now[moved]] <= within_days).sum())
            left[moved, before[moved]] = day
        return 1000.0 * flaps / float((self.segments != ABSENT).sum())


@dataclass(frozen=True)
class Followed:
    """The days until a change of archetype showed, one entry per customer, with `inf` where it never did."""

    arrived: list[float]  # in a segment more typical of the new archetype than of the old one, and stayed
    left: list[float]  # out of the segment of the day before the change, for at least a week
    fading: list[bool]  # the customer became "lapsing": nothing shows on the day itself

    def median(self, *, with_fading: bool) -> float:
        """Median days until customers arrived."""
        return _median(
            [days for days, fades in zip(self.arrived, self.fading, strict=True) if with_fading or not fades]
        )

    def median_left(self) -> float:
        """Median days until customers left, those who fade not counted."""
        return _median([days for days, fades in zip(self.left, self.fading, strict=True) if not fades])


@dataclass(frozen=True)
class Point:
    """The result of one rule with one choice of features on one population.

    Shares are 0..1. Flaps and moves are per 1,000 customer-days.
    """

    population: str
    features: str
    half_life_days: float
    models: str  # "pinned" for a single model, "learned" for all published ones
    margin: float
    dwell_days: float
    flaps: float
    moves: float
    nearest: float  # the smallest share of customers in their nearest segment on any day
    followed: Followed | None


def followed(daily: DailySegments, simulation: Simulation, population: Daily, names: Sequence[str]) -> Followed:
    """Return how each change of archetype between the 20th day and the 40th day from the end was followed.

    Customers who were already in a segment typical of their new archetype are left out.
    """
    rows = np.array([int(customer.removeprefix("c-")) for customer in population.customers])
    people, last = simulation.population, simulation.days
    first, then, changed = people.first[rows], people.then[rows], people.drift_day[rows]
    typical = _typical(daily, simulation, rows, len(names))
    found = Followed([], [], [])
    for row, day in enumerate(changed.tolist()):
        if not daily.first + 20 <= day <= last - 40:
            continue
        history = daily.segments[day - 1 - daily.first :, row]
        more = typical[then[row]] > typical[first[row]]
        if history[0] == ABSENT or more[history[0]]:
            continue
        found.arrived.append(_first_run(more[history[1:]], STAYS_DAYS))
        found.left.append(_first_run(history[1:] != history[0], LASTING_DAYS))
        found.fading.append(names[then[row]] == "lapsing")
    return found


def _typical(daily: DailySegments, simulation: Simulation, rows: NDArray[np.int64], kinds: int) -> NDArray[np.float64]:
    """Return the shares of segments (kinds, segments) among settled customers of each archetype, over all days."""
    counts = np.zeros((kinds, daily.segments.max() + 1))
    changed = simulation.population.drift_day[rows]
    for at, segments in enumerate(daily.segments):
        day = daily.first + at
        settled = (segments != ABSENT) & ((day < changed) | (day >= changed + SETTLED_DAYS))
        np.add.at(counts, (simulation.archetypes(day)[rows][settled], segments[settled]), 1)
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _first_run(flags: NDArray[np.bool_], length: int) -> float:
    """Return the first position, counted from 1, of `length` set flags in a row, or `inf` if there is none."""
    runs = np.lib.stride_tricks.sliding_window_view(flags, length).all(axis=1)
    return float(runs.argmax() + 1) if runs.any() else inf


def _median(days: list[float]) -> float:
    """Return the median. Changes that were never followed count as `inf`."""
    return sorted(days)[len(days) // 2] if days else inf


def rule(margin: float, dwell_days: float) -> Hysteresis:
    """Return the hysteresis of the settings MARGIN and DWELL. Without a margin there is no dwell."""
    return Hysteresis(margin, dwell_days * DAY_S if margin else 0.0)
