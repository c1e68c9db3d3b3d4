"""Drift detection on the simulator: delay until a change is reported, and false alarms.

Every shop has 2,000 customers and runs for 300 days. The watch starts on day 120, four half-lives after the start of
the shop. The change happens on day 180. In shorter runs both days are earlier in proportion. Customers of the quiet
shop neither join nor start to lapse. In the shop "as it comes" they do both all the time, which should not be reported
either, because the learner follows it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench import Bench, Figures
from benchmarks.days import days
from benchmarks.learned import HALF_LIFE_DAYS, enough, learn
from benchmarks.table import table
from stream_seg.core.decay import DAY_S
from stream_seg.datasets.archetypes import NAMES, Population
from stream_seg.datasets.simulator import SALE_DAYS, START_S, Disturbances, Simulation, simulate
from stream_seg.learning.drift import DriftPolicy, DriftWatch, Report

CUSTOMERS = 2_000
DAYS = 300
NEVER = 10 * DAYS
# A change counts as reported when a report comes within this many days. Later ones are echoes, while features decay.
REPORTED_WITHIN_DAYS = 28
SEEDS = 4


@dataclass(frozen=True)
class Course:
    """The number of customers of a shop and the days that it runs, counted from 0."""

    customers: int = CUSTOMERS
    days: int = DAYS

    @property
    def watched_from(self) -> int:
        """The first day of the watch."""
        return self.days * 2 // 5

    @property
    def change_day(self) -> int:
        """The day of the change."""
        return self.days * 3 // 5


def quiet(population: Population, _change_day: int) -> None:
    """Let no customer join or start to lapse."""
    population.joined_day[:] = 0
    population.fade_day[:] = NEVER


def defect(population: Population, change_day: int) -> None:
    """Let a third of the loyal and the frequent customers only browse from the day of the change on."""
    quiet(population, change_day)
    buyers = np.isin(population.first, [NAMES.index("loyal big baskets"), NAMES.index("frequent small")])
    turned = buyers & (np.random.default_rng(3).random(len(buyers)) < 1 / 3)
    population.then[turned] = NAMES.index("browser")
    population.drift_day[turned] = change_day


def influx(population: Population, change_day: int) -> None:
    """Let all browsers join on the day of the change, as after a campaign. They are a quarter of all customers."""
    quiet(population, change_day)
    population.joined_day[population.first == NAMES.index("browser")] = change_day


def as_it_comes(_population: Population, _change_day: int) -> None:
    """Leave the population as the simulator makes it."""


@dataclass(frozen=True)
class Scenario:
    """A kind of shop. `changes` is True if something happens on the day of the change."""

    name: str
    prepare: Callable[[Population, int], None]
    sale: bool = False
    changes: bool = True

    def shop(self, course: Course, seed: int) -> Simulation:
        """Return the simulation of the shop."""
        disturbances = Disturbances(sale_day=course.change_day if self.sale else None)
        simulation = simulate(course.customers, course.days, seed=seed, disturbances=disturbances)
        self.prepare(simulation.population, course.change_day)
        return simulation


SCENARIOS = (
    Scenario("quiet", quiet, changes=False),
    Scenario("as it comes", as_it_comes, changes=False),
    Scenario(f"sale of {SALE_DAYS} days", quiet, sale=True),
    Scenario("sale, people join and lapse", as_it_comes, sale=True),
    Scenario("a quarter of all come on one day", influx),
    Scenario("a third of buyers only browse", defect),
)


@dataclass
class Outcome:
    """The reports of one scenario: for each seed the days of the reports, and the reports."""

    scenario: Scenario
    change_day: int
    reports: list[list[tuple[int, Report]]] = field(default_factory=list)

    @property
    def delays(self) -> list[int]:
        """Days from the change to its first report, for the seeds in which it was reported."""
        found = [[at - self.change_day for at, _ in events if self._of_the_change(at)] for events in self.reports]
        return [delays[0] for delays in found if delays]

    @property
    def false_alarms(self) -> int:
        """Number of reports before the change, or without a change."""
        return sum(at < self.change_day or not self.scenario.changes for events in self.reports for at, _ in events)

    @property
    def echoes(self) -> int:
        """Number of later reports of the same change, or of the return to normal."""
        after = sum(at >= self.change_day and self.scenario.changes for events in self.reports for at, _ in events)
        return after - len(self.delays)

    def _of_the_change(self, at: int) -> bool:
        return self.scenario.changes and self.change_day <= at < self.change_day + REPORTED_WITHIN_DAYS


def watch(scenario: Scenario, course: Course, seed: int, policy: DriftPolicy) -> list[tuple[int, Report]]:
    """Return the days of the reports, and the reports."""
    drift_watch, reports = DriftWatch(policy), []
    before = None
    for now in learn(days(scenario.shop(course, seed)), seed=seed, first_sample=enough(course.customers)):
        if before is not None:
            sampled = now.sampled.tolist()
            customers = [now.day.customers[at] for at in sampled]
            report = drift_watch.observe(now.day.clock, customers, now.day.rows[now.sampled].tolist(), before)
            if report is not None:
                reports.append((now.day.number, report))
        before = now.active
    return reports


def evidence(report: Report) -> str:
    """Return the strongest finding in words."""
    drift = report.found[0]
    since = round((drift.since - START_S) / DAY_S)
    if drift.segment is None:
        return f"distance {drift.before:.2f} to {drift.after:.2f} since day {since}"
    name = report.model.segments[drift.segment].name
    return f"{name}: {drift.before:.1%} to {drift.after:.1%} since day {since}"


def options(parser: ArgumentParser) -> None:
    """Add options for the size of the shops, the number of seeds and the limits of the watch."""
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="number of seeds, from 0")
    parser.add_argument("--delta", type=float, metavar="D", help="delta of ADWIN")
    parser.add_argument(
        "--least-share", type=float, metavar="S", help="smallest reported change of a share of customers"
    )
    parser.add_argument(
        "--least-distance", type=float, metavar="D", help="smallest reported change of the distance, as a share"
    )


def measure(given: Namespace) -> Figures:
    """Run all scenarios, and return the figures by scenario."""
    course, usual = Course(given.customers, given.days), DriftPolicy.for_half_life(HALF_LIFE_DAYS * DAY_S)
    policy = replace(
        usual,
        settle_s=course.watched_from * DAY_S,
        delta=given.delta or usual.delta,
        least_share=given.least_share or usual.least_share,
        least_distance=given.least_distance or usual.least_distance,
    )
    outcomes = []
    for scenario in SCENARIOS:
        outcome = Outcome(scenario, course.change_day)
        for seed in range(given.seeds):
            outcome.reports.append(watch(scenario, course, seed, policy))
            for at, report in outcome.reports[-1]:
                print(f"{scenario.name}, seed {seed}, day {at}: {evidence(report)}", file=sys.stderr)
        outcomes.append(outcome)
    print(table_of(outcomes, given.seeds, course.days - course.watched_from))
    return facts(outcomes)


def table_of(outcomes: list[Outcome], seeds: int, watched: int) -> str:
    """Return the table. `watched` is the number of days that each shop was watched."""
    heads = (
        "shop",
        "reported",
        "of",
        "delay, days: median",
        "worst",
        f"false alarms in {seeds} x {watched} days",
        "echoes",
    )
    rows = []
    for outcome in outcomes:
        delays, changes = outcome.delays, outcome.scenario.changes
        reported: tuple[Any, ...] = (len(delays), seeds) if changes else (None, None)
        when = (median(delays), max(delays)) if delays else (None, None)
        rows.append(
            (outcome.scenario.name, *reported, *when, outcome.false_alarms, outcome.echoes if changes else None)
        )
    return table(heads, rows)


def facts(outcomes: list[Outcome]) -> Figures:
    """Return all figures by scenario."""
    return {
        outcome.scenario.name: {
            "delays_days": outcome.delays,
            "told_days": [[at for at, _ in events] for events in outcome.reports],
            "false_alarms": outcome.false_alarms,
            "echoes": outcome.echoes,
        }
        for outcome in outcomes
    }


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("*.{delays_days,told_days,false_alarms,echoes}",),
    smoke={"customers": 40, "days": 50, "seeds": 1},
)
