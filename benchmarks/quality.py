"""Clustering quality while customers change: inertia over that of batch k-means, and stability.

The real decoder and engine fold two populations. One is a simulated shop of six kinds of customers over 180 days, half
of whom become another kind once, with a sale of two weeks. The other is the year of Complete Journey. All contenders
use the features and the scale of the bench. Every customer is in the segment of the nearest center.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from benchmarks.bench import Bench, Figures
from benchmarks.contenders import Centers, Contender, Learned, batch, contenders
from benchmarks.flaps import Size, flaps_per_1000_customer_days
from benchmarks.populations import YEAR, Day, complete_journey, simulated, simulation
from benchmarks.quality_pictures import draw_map, draw_quality, draw_stability
from benchmarks.table import table
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.learning.clustering.scaling import CLIP, Scaling

FEATURES = ("order_pace", "spend_pace", "basket_value", "browse_rate", "refund_share")
CUSTOMERS, SEED = 4_000, 7
SCALE_DAY = 49  # the bench's scale is fitted to the population of this day
FIRST_DAY = 31  # of batch fits, and the day on which the warm-up of the learner ends
JUDGED_FROM = 49
DATES = {
    "population": (49, 69, 89, 109, 129, 149, 169, 180),
    "complete_journey": (49, 99, 149, 199, 249, 299, 349, 365),
}
THRESHOLDS = {"population": 2.0, "complete_journey": 1.5}  # of DBSTREAM, chosen to give about six clusters
GOOD = 1.02
APART_DAYS = 7
QUIET_DAYS = 90  # days of the control without drift
SETTLED_DAYS = 30  # first days of the control, in which the learner may still adapt to the last changes
SILHOUETTE_SAMPLE = 2_000
DAYS_A_YEAR = 365

Labels = NDArray[np.intp]


@dataclass
class Course:
    """The results of one contender on a population: inertia ratio by day, silhouette and ARI to the truth by date."""

    contender: Contender
    ratios: dict[int, float] = field(default_factory=dict)
    silhouettes: list[float] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)
    clusters: list[int] = field(default_factory=list)
    churn: list[float] = field(default_factory=list)  # daily share of customers whose label the model changed
    matched_churn: list[float] = field(default_factory=list)  # the same with ids matched from day to day

    def at(self, dates: Sequence[int]) -> list[float]:
        """Return the ratios at dates, with NaN where there were no centers."""
        return [self.ratios.get(day, float("nan")) for day in dates]

    @property
    def daily(self) -> list[float]:
        """Ratios of all days from `JUDGED_FROM` on."""
        return [ratio for day, ratio in sorted(self.ratios.items()) if day >= JUDGED_FROM]

    @property
    def longest_above(self) -> int:
        """The longest run of days with a ratio above `GOOD`."""
        longest = running = 0
        for ratio in self.daily:
            running = running + 1 if ratio > GOOD else 0
            longest = max(longest, running)
        return longest


def nearest(points: Centers, centers: Centers) -> tuple[Labels, float]:
    """Return the nearest center of each point (n,), and the sum of squared distances to it."""
    squares = cdist(points, centers, "sqeuclidean")
    return squares.argmin(axis=1), float(squares.min(axis=1).sum())


def follow(days: Sequence[Day], name: str, truth: dict[int, Labels]) -> tuple[list[Course], Learned]:
    """Show a population to all contenders. Return their courses, and the learner of the first course."""
    scale = Scaling.fit(next(day for day in days if day.number == SCALE_DAY).rows, FEATURES)
    competing = contenders(scale, FIRST_DAY, THRESHOLDS[name], len(days[-1].keys))
    courses = [Course(each) for each in competing]
    best: dict[int, float] = {}
    for day in days:
        points, before = scale.points(day.rows), [(each.contender.centers, _ids(each)) for each in courses]
        if day.number >= FIRST_DAY:
            best[day.number] = float(batch(points).inertia_)
        for course, (old, old_ids) in zip(courses, before, strict=True):
            course.contender.see(day)
            centers = course.contender.centers
            if len(centers) < 2 or day.number < FIRST_DAY:
                continue
            labels, inertia = nearest(points, centers)
            course.ratios[day.number] = inertia / best[day.number]
            if day.number >= JUDGED_FROM and len(old) >= 2:
                _note_churn(course, np.array(old_ids)[nearest(points, old)[0]], np.array(_ids(course))[labels])
            if day.number in DATES[name]:
                _note_date(course, points, labels, truth.get(day.number))
    learned = courses[0].contender
    assert isinstance(learned, Learned)
    return courses, learned


def _ids(course: Course) -> list[int]:
    """Return the ids of a contender's centers: numbers of segments if it has them, otherwise indices."""
    contender = course.contender
    return list(contender.numbers) if isinstance(contender, Learned) else list(range(len(contender.centers)))


def _note_churn(course: Course, old: Labels, new: Labels) -> None:
    course.churn.append(float((old != new).mean()))
    counts = np.zeros((int(old.max()) + 1, int(new.max()) + 1), np.int64)
    np.add.at(counts, (old, new), 1)
    stay = counts[linear_sum_assignment(-counts)].sum()
    course.matched_churn.append(1 - float(stay) / len(new))


def _note_date(course: Course, points: Centers, labels: Labels, truth: Labels | None) -> None:
    course.clusters.append(len(course.contender.centers))
    if len(np.unique(labels)) > 1:
        sampled = min(SILHOUETTE_SAMPLE, len(points))
        course.silhouettes.append(float(silhouette_score(points, labels, sample_size=sampled, random_state=SEED)))
    if truth is not None:
        course.truths.append(float(adjusted_rand_score(truth, labels)))


def between_snapshots(learned: Learned, last: Day) -> list[float]:
    """Return the ARI of segments by active models seven days apart, while no customer changes.

    The last day is repeated for `QUIET_DAYS`, and samples are drawn from it as before.
    """
    labels: list[Labels] = []
    clock = last.clock
    for number in range(1, QUIET_DAYS + 1):
        clock += 86_400.0
        learned.see(Day(last.number + number, clock, last.keys, last.rows))
        labels.append(learned.snapshots[-1][1].to_model().assign(last.rows).best)
    settled = labels[SETTLED_DAYS:]
    return [float(adjusted_rand_score(old, new)) for old, new in zip(settled, settled[APART_DAYS:], strict=False)]


def populations(customers: int, last_day: int) -> Iterator[tuple[str, list[Day], dict[int, Labels]]]:
    """Yield the name and the days of each population, and the true archetypes of customers at the dates if known."""
    shop = simulation(customers, SEED)
    days = list(simulated(shop, last_day))
    numbers = {shop.customer_id(each): each for each in range(customers)}
    truth = {
        day.number: shop.archetypes(day.number - 1)[[numbers[key] for key in day.keys]]
        for day in days
        if day.number in DATES["population"]
    }
    yield "population", days, truth
    yield "complete_journey", list(complete_journey(customers, last_day)), {}


def dates_of(name: str, last_day: int) -> list[int]:
    """Return the dates of a population up to its last day."""
    return [day for day in DATES[name] if day <= last_day]


def report(courses: Sequence[Course], dates: Sequence[int]) -> str:
    """Return a table of all contenders on one population."""
    rows = []
    for course in courses:
        at = course.at(dates)
        promotions = len(course.contender.promotions) if isinstance(course.contender, Learned) else None
        rows.append(
            (
                course.contender.name,
                *(f"{each:.3f}" for each in at),
                f"{np.median(at):.3f}",
                f"{max(at):.3f}",
                f"{max(course.daily):.3f}",
                course.longest_above,
                promotions,
                f"{1000 * np.mean(course.churn):.1f}",
                f"{1000 * np.mean(course.matched_churn):.1f}",
                None if not course.silhouettes else f"{np.median(course.silhouettes):.3f}",
                None if not course.truths else f"{np.median(course.truths):.3f}",
                f"{np.median(course.clusters):.0f}",
            )
        )
    heads = (
        *(f"day {day}" for day in dates),
        "median", "worst", "worst day", f"days > {GOOD}", "promotions", "moves", "matched", "silhouette", "truth", "k",
    )  # fmt: skip
    return table(("inertia / batch k-means", *heads), rows)


def options(parser: ArgumentParser) -> None:
    """Add options for the size of the populations and the folder of pictures."""
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="maximum number in each population")
    parser.add_argument(
        "--days", type=int, default=YEAR, help=f"maximum number of each population, more than {JUDGED_FROM}"
    )
    parser.add_argument(
        "--pictures", metavar="FOLDER", type=Path, help="write the pictures of docs/internals/clustering.md there"
    )


def measure(given: Namespace) -> Figures:
    """Print the tables and return the figures of the targets."""
    figures: dict[str, object] = {"inertia_ratio": {}, "ari_between_snapshots": 1.0, "promotions": {}}
    figures |= {"promotions_a_year": {}, "longest_days_above": {}, "silhouette": {}, "contenders": {}}
    followed: dict[str, list[Course]] = {}
    promoted: dict[str, list[int]] = {}
    with threadpool_limits(1):
        for name, days, truth in populations(given.customers, given.days):
            dates = dates_of(name, days[-1].number)
            courses, learned = follow(days, name, truth)
            promoted[name] = list(learned.promotions)
            print(f"\n{name}, {len(days[-1].keys):,} customers, {days[-1].number} days\n\n{report(courses, dates)}\n")
            if given.pictures:
                _draw_map(learned.snapshots[-1][1], days[-1], given.pictures / f"segments-{name}.png")
            ari = between_snapshots(learned, days[-1])
            years = (days[-1].number - FIRST_DAY) / DAYS_A_YEAR
            print(f"challengers promoted on days {promoted[name]}: {len(promoted[name]) / years:.1f} a year")
            steady = f"median {np.median(ari):.3f}, worst {min(ari):.3f}"
            print(f"ARI of snapshots {APART_DAYS} days apart, without drift: {steady}")
            judged: dict[str, object] = {
                "promotions": len(promoted[name]),
                "promotions_a_year": round(len(promoted[name]) / years, 1),
            }
            _collect(figures, name, judged | _course_figures(courses, dates))
            figures["ari_between_snapshots"] = round(min(float(str(figures["ari_between_snapshots"])), min(ari)), 4)
            if courses[0].truths:
                figures["ari_to_truth"] = [round(each, 4) for each in courses[0].truths]
            followed[name] = courses
    if given.pictures:
        draw_quality(followed, promoted, given.pictures / "quality.png")
        draw_stability(followed, given.pictures / "stability.png")
    flaps = flaps_per_1000_customer_days(Size(given.customers, given.days))
    print(f"\nflaps per 1,000 customer-days with the default margin and dwell (scripts/bench flaps): {flaps:.1f}")
    return figures | {"flaps_per_1000_customer_days": flaps}


def _draw_map(snapshot: ModelSnapshot, day: Day, path: Path) -> None:
    model = snapshot.to_model()
    names = {number: model.names[number] for number in model.places}
    draw_map(np.clip(model.scaled(day.rows), -CLIP, CLIP), model.assign(day.rows).best, names, path)


def _course_figures(courses: Sequence[Course], dates: Sequence[int]) -> dict[str, object]:
    ours = courses[0]
    return {
        "inertia_ratio": [round(each, 4) for each in ours.at(dates)],
        "longest_days_above": ours.longest_above,
        "silhouette": [round(each, 4) for each in ours.silhouettes],
        "contenders": {each.contender.name: [round(ratio, 4) for ratio in each.at(dates)] for each in courses},
    }


def _collect(figures: dict[str, object], name: str, judged: Figures) -> None:
    """Store the figures of one population under its name."""
    for key, value in judged.items():
        by_population = figures[key]
        assert isinstance(by_population, dict)
        by_population[name] = value


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "{inertia_ratio,promotions,promotions_a_year,longest_days_above,silhouette}.{population,complete_journey}",
        "contenders.{population,complete_journey}",
        "ari_between_snapshots",
        "ari_to_truth",
        "flaps_per_1000_customer_days",
    ),
    smoke={"customers": 60, "days": 56},
)
