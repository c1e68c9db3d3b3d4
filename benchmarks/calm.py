"""Calm: who was in which segment on each day, how often that flapped, and how soon a real change was followed."""

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
from stream_seg.core.dimensions.behavior import Assignment, SegmentModel
from stream_seg.core.transitions import Hysteresis
from stream_seg.datasets.simulator import Simulation
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.worker.models.samples import FIRST_SAMPLE, SAMPLES_PER_DAY

COMPLETE_JOURNEY: Final = "complete_journey"
SIMULATED: Final = "population"

Days = NDArray[np.intp]
NOBODY: Final = -1

FLAP_DAYS: Final = 7
STAYS_DAYS: Final = 3  # a change counts as followed when the customer then stays for so long
SETTLED_DAYS: Final = 60  # after a change of archetype; who is settled tells which segments are typical
LASTING_DAYS: Final = 7


def learned(population: Daily, features: Sequence[str], half_life_s: float, k: int = 6) -> dict[int, SegmentModel]:
    """Models by the day at whose end each comes into force, learned from a sample a day as workers draw it."""
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
    """Everyone's distances to all centres on each of consecutive days from `first` on; what hysteresis works on."""

    first: int
    times: list[float]
    days: list[Assignment]

    @classmethod
    def of(cls, population: Daily, models: Mapping[int, SegmentModel], first: int) -> Assigned:
        """By the model in force on each day: the latest at or before it, else the earliest."""
        days = []
        for day in range(first, len(population.times)):
            latest = max((at for at in models if at <= day), default=min(models))
            days.append(models[latest].assign(population.features[day]))
        return cls(first, population.times[first:], days)


@dataclass(frozen=True)
class Held:
    """`segments` (days, customers): the segment held at the end of each day, `NOBODY` before a customer came.

    `nearest` is the share of customers in their nearest segment, by day.
    """

    first: int
    segments: Days
    nearest: list[float]

    @classmethod
    def under(cls, assigned: Assigned, hysteresis: Hysteresis) -> Held:
        """What everyone holds when all are evaluated once a day, as `Engine.evaluate` does it."""
        customers = len(assigned.days[-1].best)
        held, since = np.full(customers, NOBODY, np.intp), np.zeros(customers)
        segments, nearest = np.full((len(assigned.days), customers), NOBODY, np.intp), []
        for day, (now, assignment) in enumerate(zip(assigned.times, assigned.days, strict=True)):
            n = len(assignment.best)
            moving = hysteresis.moves(assignment, held[:n], since[:n], np.full(n, now))
            held[:n][moving] = assignment.best[moving]
            since[:n][moving] = now
            segments[day, :n] = held[:n]
            nearest.append(float((held[:n] == assignment.best).mean()))
        return cls(assigned.first, segments, nearest)

    def moves_per_1000(self) -> float:
        """Moves per 1,000 customer-days."""
        moved = (self.segments[1:] != self.segments[:-1]) & (self.segments[:-1] != NOBODY)
        return 1000.0 * float(moved.sum()) / float((self.segments != NOBODY).sum())

    def flaps_per_1000(self, within_days: int = FLAP_DAYS) -> float:
        """Returns into a segment left at most so many days before, by whatever way, per 1,000 customer-days."""
        flaps, (days, customers) = 0, self.segments.shape
        left = np.full((customers, self.segments.max() + 1), -(10**6))
        for day in range(1, days):
            now, before = self.segments[day], self.segments[day - 1]
            who = np.flatnonzero((now != before) & (before != NOBODY))
            flaps += int((day - left[who, now[who]] <= within_days).sum())
            left[who, before[who]] = day
        return 1000.0 * flaps / float((self.segments != NOBODY).sum())


@dataclass(frozen=True)
class Followed:
    """How a change of archetype showed: days until it did, `inf` where it never did; one entry a customer."""

    arrived: list[float]  # in a segment more typical of what the customer became than of what they were, and stayed
    left: list[float]  # out of the segment held when the change came, for a week at least
    fading: list[bool]  # became "lapsing", who begin to come less often: nothing shows on the day itself

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
    """What one rule gave with one choice of features on one population; shares 0..1, days, a 1,000 customer-days."""

    population: str
    features: str
    half_life_days: float
    models: str  # "pinned": one all the time; "learned": as they came
    margin: float
    dwell_days: float
    flaps: float
    moves: float
    nearest: float  # the smallest share of customers in their nearest segment on any day
    followed: Followed | None


def followed(held: Held, simulation: Simulation, population: Daily, names: Sequence[str]) -> Followed:
    """How each change of archetype between the 20th day held and the 40th from the end was followed.

    Customers who were in a segment typical of what they became already are left out: there is nothing to follow.
    """
    whom = np.array([int(customer.removeprefix("c-")) for customer in population.customers])
    people, last = simulation.population, simulation.days
    first, then, changed = people.first[whom], people.then[whom], people.drift_day[whom]
    typical = _typical(held, simulation, whom, len(names))
    found = Followed([], [], [])
    for row, day in enumerate(changed.tolist()):
        if not held.first + 20 <= day <= last - 40:
            continue
        history = held.segments[day - 1 - held.first :, row]
        more = typical[then[row]] > typical[first[row]]
        if history[0] == NOBODY or more[history[0]]:
            continue
        found.arrived.append(_first_run(more[history[1:]], STAYS_DAYS))
        found.left.append(_first_run(history[1:] != history[0], LASTING_DAYS))
        found.fading.append(names[then[row]] == "lapsing")
    return found


def _typical(held: Held, simulation: Simulation, whom: NDArray[np.int64], kinds: int) -> NDArray[np.float64]:
    """(kinds, segments): how the settled customers of each archetype are spread over the segments, all days taken."""
    counts = np.zeros((kinds, held.segments.max() + 1))
    changed = simulation.population.drift_day[whom]
    for at, segments in enumerate(held.segments):
        day = held.first + at
        settled = (segments != NOBODY) & ((day < changed) | (day >= changed + SETTLED_DAYS))
        np.add.at(counts, (simulation.archetypes(day)[whom][settled], segments[settled]), 1)
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _first_run(flags: NDArray[np.bool_], length: int) -> float:
    """The first place, counted from 1, where `length` flags in a row are set; `inf` where there is none."""
    runs = np.lib.stride_tricks.sliding_window_view(flags, length).all(axis=1)
    return float(runs.argmax() + 1) if runs.any() else inf


def _median(days: list[float]) -> float:
    """The middle one; `inf` counts, as those who were never followed must."""
    return sorted(days)[len(days) // 2] if days else inf


def rule(margin: float, dwell_days: float) -> Hysteresis:
    """Hysteresis as the settings MARGIN and DWELL give it: no margin, no dwell."""
    return Hysteresis(margin, dwell_days * DAY_S if margin else 0.0)
