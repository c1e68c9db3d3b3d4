"""Drift: how soon the learner's watch tells of a change, and how often of none; on the simulator, several seeds.

Every shop has 2,000 customers and runs 300 days. The watch looks from day 120 on, four half-lives after the start; what
happens, happens on day 180. The quiet shop has customers who neither join nor begin to lapse: nothing happens. The shop
as it comes has both, all the time, which should not be told either: the learner follows it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.days import days
from benchmarks.learned import HALF_LIFE_DAYS, learn
from benchmarks.table import json_line, table
from stream_seg.core.decay import DAY_S
from stream_seg.datasets.archetypes import NAMES, Population
from stream_seg.datasets.simulator import SALE_DAYS, START_S, Disturbances, Simulation, simulate
from stream_seg.learning.drift import DriftPolicy, DriftWatch, Report

CUSTOMERS = 2_000
DAYS = 300
CHANGE_DAY = 180
# A change is told when an event comes within so many days of it; later ones, while features still decay, are echoes.
TOLD_WITHIN_DAYS = 28
SEEDS = 4


def quiet(population: Population) -> None:
    """Nobody joins or begins to lapse."""
    population.joined_day[:] = 0
    population.fade_day[:] = 10 * DAYS


def defect(population: Population) -> None:
    """A third of the loyal and the frequent only browse from the day of the change on."""
    quiet(population)
    buyers = np.isin(population.first, [NAMES.index("loyal big baskets"), NAMES.index("frequent small")])
    turned = buyers & (np.random.default_rng(3).random(len(buyers)) < 1 / 3)
    population.then[turned] = NAMES.index("browser")
    population.drift_day[turned] = CHANGE_DAY


def influx(population: Population) -> None:
    """A campaign: all browsers, a quarter of everybody in the end, come on the day of the change."""
    quiet(population)
    population.joined_day[population.first == NAMES.index("browser")] = CHANGE_DAY


def as_it_comes(population: Population) -> None:
    """As the simulator makes it."""


@dataclass(frozen=True)
class Scenario:
    """A shop; `changes`: whether something happens on `CHANGE_DAY`."""

    name: str
    people: Callable[[Population], None]
    sale: bool = False
    changes: bool = True

    def shop(self, seed: int) -> Simulation:
        """The simulation."""
        made = simulate(
            CUSTOMERS, DAYS, seed=seed, disturbances=Disturbances(sale_day=CHANGE_DAY if self.sale else None)
        )
        self.people(made.population)
        return made


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
    """What the watch told of one scenario: per seed the days of its events, and the evidence of each."""

    scenario: Scenario
    told: list[list[tuple[int, Report]]] = field(default_factory=list)

    @property
    def delays(self) -> list[int]:
        """Days from the change to the first event after it, of the seeds in which it was told."""
        found = [[at - CHANGE_DAY for at, _ in events if self._of_the_change(at)] for events in self.told]
        return [delays[0] for delays in found if delays]

    @property
    def false_alarms(self) -> int:
        """Events that came before the change, or without any."""
        return sum(at < CHANGE_DAY or not self.scenario.changes for events in self.told for at, _ in events)

    @property
    def echoes(self) -> int:
        """Later events of the same change: back to normal, or more of it."""
        after = sum(at >= CHANGE_DAY and self.scenario.changes for events in self.told for at, _ in events)
        return after - len(self.delays)

    def _of_the_change(self, at: int) -> bool:
        return self.scenario.changes and CHANGE_DAY <= at < CHANGE_DAY + TOLD_WITHIN_DAYS


def watch(scenario: Scenario, seed: int, policy: DriftPolicy) -> list[tuple[int, Report]]:
    """Days on which the watch told of something, and what."""
    watching, told = DriftWatch(policy), []
    before = None
    for now in learn(days(scenario.shop(seed)), seed=seed):
        if before is not None:
            sampled = now.sampled.tolist()
            customers = [now.day.customers[at] for at in sampled]
            report = watching.observe(now.day.clock, customers, now.day.rows[now.sampled].tolist(), before)
            if report is not None:
                told.append((now.day.number, report))
        before = now.in_force
    return told


def evidence(report: Report) -> str:
    """The strongest finding in words."""
    drift = report.found[0]
    since = round((drift.since - START_S) / DAY_S)
    if drift.segment is None:
        return f"distance {drift.before:.2f} to {drift.after:.2f} since day {since}"
    name = report.model.segments[drift.segment].name
    return f"{name}: {drift.before:.1%} to {drift.after:.1%} since day {since}"


def main() -> int:
    """Run all scenarios and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="how many, from 0")
    parser.add_argument("--delta", type=float, metavar="D", help="ADWIN's, in place of the default")
    parser.add_argument("--least-share", type=float, metavar="S", help="of customers, in place of the default")
    parser.add_argument("--least-distance", type=float, metavar="D", help="of the distance, in place of the default")
    given = parser.parse_args()
    usual = DriftPolicy.for_half_life(HALF_LIFE_DAYS * DAY_S)
    policy = replace(
        usual,
        delta=given.delta or usual.delta,
        least_share=given.least_share or usual.least_share,
        least_distance=given.least_distance or usual.least_distance,
    )
    outcomes = []
    for scenario in SCENARIOS:
        outcome = Outcome(scenario)
        for seed in range(given.seeds):
            outcome.told.append(watch(scenario, seed, policy))
            for at, report in outcome.told[-1]:
                print(f"{scenario.name}, seed {seed}, day {at}: {evidence(report)}", file=sys.stderr)
        outcomes.append(outcome)
    print(shown(outcomes, given.seeds))
    if given.json:
        print(json_line(facts(outcomes)))
    return 0


def shown(outcomes: list[Outcome], seeds: int) -> str:
    """The table."""
    watched = DAYS - 120
    heads = (
        "shop",
        "told",
        "of",
        "delay, days: median",
        "worst",
        f"false alarms in {seeds} x {watched} days",
        "echoes",
    )
    rows = []
    for outcome in outcomes:
        delays, changes = outcome.delays, outcome.scenario.changes
        told: tuple[Any, ...] = (len(delays), seeds) if changes else (None, None)
        when = (median(delays), max(delays)) if delays else (None, None)
        rows.append((outcome.scenario.name, *told, *when, outcome.false_alarms, outcome.echoes if changes else None))
    return table(heads, rows)


def facts(outcomes: list[Outcome]) -> dict[str, Any]:
    """All figures, by scenario."""
    return {
        outcome.scenario.name: {
            "delays_days": outcome.delays,
            "told_days": [[at for at, _ in events] for events in outcome.told],
            "false_alarms": outcome.false_alarms,
            "echoes": outcome.echoes,
        }
        for outcome in outcomes
    }


if __name__ == "__main__":
    sys.exit(main())
