"""Names of segments over a year of snapshots: renames, and a map of the segments.

A rename is a segment whose id stays and whose name differs from the snapshot before. Features decay with a half-life
of 30 days, so for the first 120 days of a deployment everybody still becomes what they are: those are counted apart.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Bench, Figures
from benchmarks.days import Day, days
from benchmarks.learned import Learned, enough, learn
from benchmarks.populations import HOUSEHOLDS, YEAR, journey
from benchmarks.table import table
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import simulate

SETTLED_DAY = 120
CUSTOMERS = 2_000
SEEDS = 3


@dataclass
class Year:
    """What a source's segments were called, snapshot by snapshot."""

    source: str
    snapshots: list[tuple[int, list[str]]] = field(default_factory=list)  # day, names by id
    last: Learned | None = None

    def renames(self, *, settled: bool) -> list[tuple[int, str, str, str]]:
        """Day, id, name before and after, of the days before or from `SETTLED_DAY` on."""
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [
            (day, f"b{at}", was, now)
            for (_, before), (day, after) in pairs
            for at, (was, now) in enumerate(zip(before, after, strict=False))
            if was != now and (day >= SETTLED_DAY) == settled
        ]


def year(source: str, seen: Iterable[Day], k: int, customers: int) -> Year:
    """A year of snapshots."""
    made = Year(source)
    for now in learn(seen, k=k, first_sample=enough(customers)):
        if now.in_force is not None:
            made.last = now
            if now.published:
                made.snapshots.append((now.day.number, names(now.in_force)))
    return made


def names(snapshot: ModelSnapshot) -> list[str]:
    """By id."""
    return [segment.name for segment in snapshot.segments]


def options(parser: ArgumentParser) -> None:
    """The size of the sources, how many segments, and where the map goes."""
    parser.add_argument("--customers", type=int, default=HOUSEHOLDS, help="at most so many of each source")
    parser.add_argument("--days", type=int, default=YEAR)
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="simulated shops, seeds from 0")
    parser.add_argument("--segments", type=int, default=6, metavar="K")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the map of Complete Journey's last model")


def measure(given: Namespace) -> Figures:
    """Run all sources; renames by source."""
    customers = min(given.customers, CUSTOMERS)
    sources: dict[str, Iterable[SourceRecord]] = {"complete-journey": journey(given.customers, given.days)}
    for seed in range(given.seeds):
        sources[f"simulated shop {seed}"] = simulate(customers, given.days, seed=seed)
    years = [year(name, days(source), given.segments, customers) for name, source in sources.items()]
    for each in years:
        for settled in (False, True):
            for day, segment, was, now in each.renames(settled=settled):
                print(f"{each.source}, day {day}, {segment}: {was} -> {now}", file=sys.stderr)
    print(shown(years))
    if given.picture is not None and years[0].last is not None:
        from benchmarks.picture import draw_map

        draw_map(years[0].last, given.picture)
    return facts(years)


def shown(years: list[Year]) -> str:
    """The table."""
    heads = (
        "source",
        "segments",
        "snapshots",
        f"renames before day {SETTLED_DAY}",
        "renames after",
        "names at the end",
    )
    rows = [
        (
            each.source,
            len(each.snapshots[-1][1]),
            len(each.snapshots),
            len(each.renames(settled=False)),
            len(each.renames(settled=True)),
            "; ".join(each.snapshots[-1][1]),
        )
        for each in years
    ]
    return table(heads, rows)


def facts(years: list[Year]) -> Figures:
    """Return all figures, by source."""
    return {
        each.source: {
            "snapshots": len(each.snapshots),
            "renames_before_settled": len(each.renames(settled=False)),
            "renames_after": len(each.renames(settled=True)),
        }
        for each in years
    }


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("*.{snapshots,renames_before_settled,renames_after}",),
    smoke={"customers": 60, "days": 40, "seeds": 1},
)
