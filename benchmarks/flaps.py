"""scripts/bench flaps: how calm segments are, how near their customers, and how soon real changes are followed.

Complete Journey and the simulator's changing shop go through the real engine; models are learned by the real learner;
everyone is evaluated at the end of each day. The picture draws what margin, dwell, features and half-life trade.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.calm import COMPLETE_JOURNEY, SIMULATED, Assigned, Followed, Held, Point, followed, learned, rule
from benchmarks.daily import Daily, daily
from benchmarks.table import json_line, table
from stream_seg.core.decay import DAY_S
from stream_seg.core.features import DEFAULT_FEATURES
from stream_seg.core.model import SegmentModel
from stream_seg.datasets.archetypes import NAMES
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.simulator import Disturbances, Simulation, simulate
from stream_seg.settings import Settings

FIRST_DAY: Final = {
    COMPLETE_JOURNEY: 60,
    SIMULATED: 45,
}  # a half-life of 30 days must have passed, and a model be there
PINNED_DAY: Final = {COMPLETE_JOURNEY: 182, SIMULATED: 90}  # mid-year, and mid-way
SETTLING_DAYS: Final = 5  # after the first day held, until the share in the nearest segment is worth a minimum

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
# Half-lives and margins for whom following matters more than calm, with all paces and the default dwell.
SHORTER: Final = ((10.0, 0.08), (7.0, 0.08), (7.0, 0.05))


@cache
def simulation() -> Simulation:
    """A shop in which half of the customers become another kind once, and two weeks are a sale."""
    return simulate(2_000, 180, seed=7, disturbances=Disturbances(drift_share=0.5, sale_day=80))


@cache
def population(name: str, half_life_days: float) -> Daily:
    """A population day by day."""
    records = CompleteJourney() if name == COMPLETE_JOURNEY else simulation()
    return daily(records, half_life_days * DAY_S)


@cache
def models(name: str, features: tuple[str, ...], half_life_days: float) -> dict[int, SegmentModel]:
    """The models that the learner published, by the day from whose end they are in force."""
    return learned(population(name, half_life_days), features, half_life_days * DAY_S)


@cache
def assigned(name: str, features: tuple[str, ...], half_life_days: float, how: str) -> Assigned:
    """Everyone's distances to the centres on every day."""
    people, found = population(name, half_life_days), models(name, features, half_life_days)
    if how == "pinned":
        found = {0: found[max(day for day in found if day <= PINNED_DAY[name])]}
    return Assigned.of(people, found, FIRST_DAY[name])


def point(name: str, choice: str, half_life_days: float, how: str, margin: float, dwell_days: float) -> Point:
    """One rule, measured."""
    held = Held.under(assigned(name, CHOICES[choice][0], half_life_days, how), rule(margin, dwell_days))
    follows = None
    if name == SIMULATED:
        follows = followed(held, simulation(), population(name, half_life_days), NAMES)
    flaps, moves, nearest = held.flaps_per_1000(), held.moves_per_1000(), min(held.nearest[SETTLING_DAYS:])
    return Point(name, choice, half_life_days, how, margin, dwell_days, flaps, moves, nearest, follows)


def in_use() -> list[Point]:
    """What the default settings give on both populations, with models as they are learned."""
    asked = Settings.model_construct()
    rules = asked.half_life_days, "learned", asked.margin, asked.dwell / DAY_S
    return [point(name, "default", *rules) for name in (COMPLETE_JOURNEY, SIMULATED)]


def shorter() -> list[Point]:
    """What shorter memories give, with models as they are learned."""
    dwell_days = Settings.model_construct().dwell / DAY_S
    return [
        point(name, "paces", half_life_days, "learned", margin, dwell_days)
        for half_life_days, margin in SHORTER
        for name in (COMPLETE_JOURNEY, SIMULATED)
    ]


def flaps_per_1000_customer_days() -> float:
    """The figure of the default settings, models as they are learned: the worse of both populations."""
    return max(each.flaps for each in in_use())


def curve() -> Iterator[Point]:
    """Every rule with every choice of features, one model pinned."""
    for choice, (_, half_lives) in CHOICES.items():
        for half_life_days in half_lives:
            for name in (COMPLETE_JOURNEY, SIMULATED):
                for dwell in DWELLS:
                    for margin in MARGINS:
                        if (margin > 0) >= (dwell > 0):  # no margin turns the dwell off as well
                            yield point(name, choice, half_life_days, "pinned", margin, dwell)


def rows(points: Sequence[Point]) -> list[tuple[object, ...]]:
    """Rows of the table."""
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


def main() -> None:
    """Print tables; with --picture draw the curve, with --json end in one object."""
    parser = argparse.ArgumentParser(prog="scripts/bench flaps", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--curve", action="store_true", help="every rule with every choice of features: five minutes")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the curve there")
    asked = parser.parse_args()
    used = in_use()
    print("The default settings, models as they were learned; flaps and moves per 1,000 customer-days:\n")
    print(table(HEADERS, rows(used)))
    if asked.curve or asked.picture:
        print("\nShorter half-lives with all paces, models as they were learned:\n")
        print(table(HEADERS, rows(shorter())))
        points = list(curve())
        print("\nOne model pinned:\n")
        print(table(HEADERS, rows(points)))
        if asked.picture:
            from benchmarks.flap_picture import draw

            draw(points, used, asked.picture)
    if asked.json:
        print(json_line(figures(used)))


def figures(used: Sequence[Point]) -> dict[str, object]:
    """What --json says of the default settings."""
    made: dict[str, object] = {"flaps_per_1000_customer_days": max(each.flaps for each in used)}
    for each in used:
        made[each.population] = {
            "flaps_per_1000_customer_days": round(each.flaps, 3),
            "moves_per_1000_customer_days": round(each.moves, 3),
            "least_share_in_nearest": round(each.nearest, 4),
        }
        if each.followed is not None:
            made["followed_days"] = each.followed.median(with_fading=False)
            made["followed_days_with_fading"] = each.followed.median(with_fading=True)
            made["left_days"] = each.followed.median_left()
    return made


if __name__ == "__main__":
    main()
