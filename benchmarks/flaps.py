"""Calm of segments: flaps, distance of customers to their segments, and delay until real changes are followed.

The real engine absorbs Complete Journey and the simulator's changing shop, and the real learner learns the models.
Every customer is evaluated at the end of each day. The picture shows the trade-off of margin, dwell, features and
half-life.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Figures
from benchmarks.calm import (
    COMPLETE_JOURNEY,
    SIMULATED,
    Assigned,
    DailySegments,
    Followed,
    Point,
    followed,
    learned,
    rule,
)
from benchmarks.daily import Daily, daily
from benchmarks.populations import DISTURBED, HOUSEHOLDS, SIMULATED_DAYS, YEAR, journey
from benchmarks.table import table
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.segment_model import SegmentModel
from stream_seg.core.feature_names import DEFAULT_FEATURES
from stream_seg.datasets.archetypes import NAMES
from stream_seg.datasets.simulator import Simulation, simulate
from stream_seg.settings import Settings

# A half-life of 30 days must have passed, and a model must exist.
FIRST_DAY: Final = {COMPLETE_JOURNEY: 60, SIMULATED: 45}
SIMULATED_CUSTOMERS: Final = 2_000
PINNED_DAY: Final = {COMPLETE_JOURNEY: 182, SIMULATED: 90}  # the middle of each population
SETTLING_DAYS: Final = 5  # after the first day, until the minimum of the share in the nearest segment is meaningful

RATES: Final = ("order_rate", "spend_rate", "basket_value", "browse_rate", "refund_share")
PACES: Final = ("order_pace", "spend_pace", "basket_value", "browse_pace", "refund_share")
RECENCY: Final = ("order_rate", "spend_rate", "recency_days", "browse_rate", "refund_share")
# Choices of features, each with the half-lives (days) that it is drawn for.
CHOICES: Final = {
    "with days since the last order": (RECENCY, (30.0,)),
    "rates": (RATES, (30.0, 7.0)),
    "default": (DEFAULT_FEATURES, (30.0,)),
    "paces": (PACES, (30.0, 14.0, 10.0, 7.0)),
}
MARGINS: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2)
DWELLS: Final = (0.0, 0.5, 1.0, 2.0)
# Half-lives and margins for shops that prefer fast following to calm, with all paces and the default dwell.
SHORTER: Final = ((10.0, 0.08), (7.0, 0.08), (7.0, 0.05))


class Size(NamedTuple):
    """The maximum number of customers and days of each population."""

    customers: int = HOUSEHOLDS
    days: int = YEAR


class Rule(NamedTuple):
    """A way to evaluate customers. `models` is "learned" for all published models, or "pinned" for a single one."""

    half_life_days: float
    models: str
    margin: float
    dwell_days: float


@cache
def simulation(size: Size) -> Simulation:
    """Return a shop in which half of the customers become another kind once, with a sale of two weeks."""
    customers, days = min(size.customers, SIMULATED_CUSTOMERS), min(size.days, SIMULATED_DAYS)
    return simulate(customers, days, seed=7, disturbances=DISTURBED)


@cache
def population(size: Size, name: str, half_life_days: float) -> Daily:
    """Return a population day by day."""
    records = journey(*size) if name == COMPLETE_JOURNEY else simulation(size)
    return daily(records, half_life_days * DAY_S)


@cache
def models(size: Size, name: str, features: tuple[str, ...], half_life_days: float) -> dict[int, SegmentModel]:
    """Return the published models by the day from whose end on they are active."""
    return learned(population(size, name, half_life_days), features, half_life_days * DAY_S)


@cache
def assigned(size: Size, name: str, features: tuple[str, ...], half_life_days: float, how: str) -> Assigned:
    """Return the distances of all customers to the centers on every day."""
    customers, found = population(size, name, half_life_days), models(size, name, features, half_life_days)
    if how == "pinned":
        found = {0: found[max(day for day in found if day <= PINNED_DAY[name])]}
    return Assigned.of(customers, found, min(FIRST_DAY[name], len(customers.times) * 4 // 5))


def point(size: Size, name: str, choice: str, under: Rule) -> Point:
    """Measure one rule with one choice of features on one population."""
    distances = assigned(size, name, CHOICES[choice][0], under.half_life_days, under.models)
    segments = DailySegments.under(distances, rule(under.margin, under.dwell_days))
    follows = None
    if name == SIMULATED:
        follows = followed(segments, simulation(size), population(size, name, under.half_life_days), NAMES)
    nearest = min(segments.nearest[SETTLING_DAYS:])
    return Point(name, choice, *under, segments.flaps_per_1000(), segments.moves_per_1000(), nearest, follows)


def default_settings(size: Size) -> list[Point]:
    """Measure the default settings on both populations, with models as they were learned."""
    usual = Settings.model_construct()
    under = Rule(usual.half_life_days, "learned", usual.margin, usual.dwell / DAY_S)
    return [point(size, name, "default", under) for name in (COMPLETE_JOURNEY, SIMULATED)]


def shorter(size: Size) -> list[Point]:
    """Measure shorter half-lives on both populations, with models as they were learned."""
    dwell_days = Settings.model_construct().dwell / DAY_S
    return [
        point(size, name, "paces", Rule(half_life_days, "learned", margin, dwell_days))
        for half_life_days, margin in SHORTER
        for name in (COMPLETE_JOURNEY, SIMULATED)
    ]


def flaps_per_1000_customer_days(size: Size) -> float:
    """Return the flaps of the default settings on the worse population, with models as they were learned."""
    return max(each.flaps for each in default_settings(size))


def curve(size: Size) -> Iterator[Point]:
    """Measure every rule with every choice of features, with one pinned model."""
    for choice, (_, half_lives) in CHOICES.items():
        for half_life_days in half_lives:
            for name in (COMPLETE_JOURNEY, SIMULATED):
                for dwell in DWELLS:
                    for margin in MARGINS:
                        if (margin > 0) >= (dwell > 0):  # without a margin there is no dwell either
                            yield point(size, name, choice, Rule(half_life_days, "pinned", margin, dwell))


def rows(points: Sequence[Point]) -> list[tuple[object, ...]]:
    """Return the rows of the table."""
    return [
        (
            each.population, each.features, each.half_life_days, each.models, each.margin, each.dwell_days,
            each.flaps, each.moves, each.nearest, *_days(each.followed),
        )
        for each in points
    ]  # fmt: skip


def _days(found: Followed | None) -> tuple[float | None, ...]:
    if found is None:
        return None, None, None
    return found.median(with_fading=True), found.median(with_fading=False), found.median_left()


HEADERS: Final = (
    "population", "features", "half-life", "models", "margin", "dwell, days", "flaps", "moves", "nearest, least",
    "followed, days", "but fading", "left, days",
)  # fmt: skip


def options(parser: ArgumentParser) -> None:
    """Add options for the size of the populations, further measurements and the picture."""
    parser.add_argument("--customers", type=int, default=HOUSEHOLDS, help="maximum number in each population")
    parser.add_argument("--days", type=int, default=YEAR, help="maximum number of each population")
    parser.add_argument(
        "--curve",
        action="store_true",
        help="measure every rule and choice of features (five minutes)",
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the curve into this file")


def measure(given: Namespace) -> Figures:
    """Measure flaps, moves and delays under the default settings."""
    size = Size(given.customers, given.days)
    used = default_settings(size)
    print("Default settings, models as learned, flaps and moves per 1,000 customer-days:\n")
    print(table(HEADERS, rows(used)))
    if given.curve or given.picture:
        print("\nShorter half-lives with all paces, models as learned:\n")
        print(table(HEADERS, rows(shorter(size))))
        points = list(curve(size))
        print("\nOne model pinned:\n")
        print(table(HEADERS, rows(points)))
        if given.picture:
            from benchmarks.flap_picture import draw

            draw(points, used, given.picture)
    return figures(used)


def figures(used: Sequence[Point]) -> Figures:
    """Return the JSON summary of the default settings. Days are null where most changes were never followed."""
    summary: dict[str, object] = {"flaps_per_1000_customer_days": max(each.flaps for each in used)}
    for each in used:
        summary[each.population] = {
            "flaps_per_1000_customer_days": round(each.flaps, 3),
            "moves_per_1000_customer_days": round(each.moves, 3),
            "least_share_in_nearest": round(each.nearest, 4),
        }
        if each.followed is not None:
            summary["followed_days"] = each.followed.median(with_fading=False)
            summary["followed_days_with_fading"] = each.followed.median(with_fading=True)
            summary["left_days"] = each.followed.median_left()
    return summary


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "flaps_per_1000_customer_days",
        "{complete_journey,population}.{flaps_per_1000_customer_days,moves_per_1000_customer_days}",
        "{complete_journey,population}.least_share_in_nearest",
        "followed_days",
        "followed_days_with_fading",
        "left_days",
    ),
    smoke={"customers": 60, "days": 56},
)
