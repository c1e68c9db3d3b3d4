"""Names and profiles of segments over a year of snapshots: renames, and whether they are true of the records.

A rename is a segment whose id stays and whose name differs from the snapshot before. Features decay with a half-life
of 30 days, so for the first 120 days of a deployment everybody still becomes what they are: those are counted apart.
What a name says of most customers of a segment is compared with the records of all its customers, at every snapshot.
Sources are Complete Journey, simulated shops, and a shop whose customers send much back, buy once, or only browse.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench, Figures
from benchmarks.days import Day, Records, days
from benchmarks.learned import Learned, enough, learn
from benchmarks.populations import HOUSEHOLDS, YEAR, journey
from benchmarks.returning import shop
from benchmarks.table import table
from stream_seg.cli.console import stdout
from stream_seg.cli.profiles import profiles
from stream_seg.cli.segments import segment_facts
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.dimensions.behavior import BEHAVIOR, segment_id
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import simulate

SETTLED_DAY = 120
CUSTOMERS = 2_000
SEEDS = 3
FEWEST = 10  # customers of a segment of whom a share says something

# What names say of most customers in so many words, and of which records it is true.
CLAIMS: Final[dict[str, Callable[[Records], NDArray[np.bool_]]]] = {
    "without orders": lambda records: records.orders == 0,
    "one-time": lambda records: (records.orders > 0) & (records.days == 1),
    "returned everything": lambda records: (records.orders > 0) & (records.spend <= 0),
}


@dataclass
class Year:
    """What a source's segments were called, snapshot by snapshot, and of what share of their customers it was true."""

    source: str
    snapshots: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # day, names by id
    true_shares: list[float] = field(default_factory=list)
    last: Learned | None = None

    def renames(self, *, settled: bool) -> list[tuple[int, str, str, str]]:
        """Return day, id, name before and after, of the days before or from `SETTLED_DAY` on."""
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [
            (day, segment, was, after[segment])
            for (_, before), (day, after) in pairs
            for segment, was in before.items()
            if after.get(segment, was) != was and (day >= SETTLED_DAY) == settled
        ]

    @property
    def least_true(self) -> float | None:
        """The smallest share of a segment's customers of whom its name was true; None where no name claimed such."""
        return min(self.true_shares, default=None)


def year(source: str, seen: Iterable[Day], k: int, customers: int) -> Year:
    """Learn from a year, and note every snapshot."""
    made = Year(source)
    for now in learn(seen, k=k, first_sample=enough(customers)):
        if now.in_force is not None:
            made.last = now
            if now.published:
                named = {segment.id: segment.name for segment in now.in_force.segments}
                made.snapshots.append((now.day.number, named))
                made.true_shares += true_shares(now.in_force, now.day)
    return made


def true_shares(snapshot: ModelSnapshot, day: Day) -> Iterator[float]:
    """Yield for each claim of `CLAIMS` that a name makes the share of the segment's customers of whom it is true."""
    assigned = snapshot.to_model().assign(day.rows).best
    for number, segment in zip(snapshot.numbers, snapshot.segments, strict=True):
        inside = assigned == number
        for words, holds in CLAIMS.items():
            if words in segment.name.lower() and inside.sum() >= FEWEST:
                yield float(holds(day.records)[inside].mean())


def options(parser: ArgumentParser) -> None:
    """The size of the sources, how many segments, and what is shown of them."""
    parser.add_argument("--customers", type=int, default=HOUSEHOLDS, help="at most so many of each source")
    parser.add_argument("--days", type=int, default=YEAR)
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="simulated shops, seeds from 0")
    parser.add_argument("--segments", type=int, default=6, metavar="K")
    parser.add_argument("--profiles", action="store_true", help="print the profiles of each source's last model")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the map of Complete Journey's last model")


def measure(given: Namespace) -> Figures:
    """Run all sources. Returns renames, and the least share of customers of whom a name was true, by source."""
    customers = min(given.customers, CUSTOMERS)
    sources: dict[str, Iterable[SourceRecord]] = {"complete-journey": journey(given.customers, given.days)}
    for seed in range(given.seeds):
        sources[f"simulated shop {seed}"] = simulate(customers, given.days, seed=seed)
    sources["returning shop"] = shop(customers, given.days)
    years = [year(name, days(source), given.segments, customers) for name, source in sources.items()]
    for each in years:
        for settled in (False, True):
            for day, segment, was, now in each.renames(settled=settled):
                print(f"{each.source}, day {day}, {segment}: {was} -> {now}", file=sys.stderr)
        if given.profiles and each.last is not None:
            show_profiles(each.source, each.last)
    print(shown(years))
    if given.picture is not None and years[0].last is not None:
        from benchmarks.picture import draw_map

        draw_map(years[0].last, given.picture)
    return facts(years)


def show_profiles(source: str, last: Learned) -> None:
    """Print what `stream-seg segments --profiles` would say of the last model."""
    assert last.in_force is not None
    sizes = Counter(map(segment_id, last.in_force.to_model().assign(last.day.rows).best.tolist()))
    print(f"{source}\n")
    stdout().print(profiles(segment_facts({BEHAVIOR: sizes}, last.in_force.model_dump()), "USD"))


def shown(years: list[Year]) -> str:
    """Return the table."""
    heads = (
        "source",
        "segments",
        "snapshots",
        f"renames before day {SETTLED_DAY}",
        "renames after",
        "least share true",
        "names at the end",
    )
    rows = [
        (
            each.source,
            len(each.snapshots[-1][1]),
            len(each.snapshots),
            len(each.renames(settled=False)),
            len(each.renames(settled=True)),
            each.least_true,
            "; ".join(each.snapshots[-1][1].values()),
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
            "least_share_true": each.least_true,
        }
        for each in years
    }


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("*.{snapshots,renames_before_settled,renames_after,least_share_true}",),
    smoke={"customers": 60, "days": 40, "seeds": 1, "profiles": True},
)
