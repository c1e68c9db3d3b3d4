"""Names of segments over a year of snapshots: the number of renames, and whether names are true of the records.

A rename is a segment whose id stays and whose name differs from the snapshot before. Features decay with a half-life of
30 days and reach their final level only after about 120 days, so renames before that day are counted separately. At
every snapshot, the claims of a name about most customers of a segment are compared with the records of all of them.
Sources are Complete Journey, simulated shops, and a shop whose customers return much, buy once, or only browse.
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
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.core.dimensions.segment_model import segment_id
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import simulate

SETTLED_DAY = 120
CUSTOMERS = 2_000
SEEDS = 3
FEWEST = 10  # customers in a segment for which a share is meaningful

# Claims of names about most customers, and the records for which each claim is true.
CLAIMS: Final[dict[str, Callable[[Records], NDArray[np.bool_]]]] = {
    "without orders": lambda records: records.orders == 0,
    "one-time": lambda records: (records.orders > 0) & (records.days == 1),
    "returned everything": lambda records: (records.orders > 0) & (records.spend <= 0),
}


@dataclass
class Year:
    """The names of a source's segments by snapshot, and the shares of customers for whom their claims were true."""

    source: str
    snapshots: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # day, names by id
    true_shares: list[float] = field(default_factory=list)
    last: Learned | None = None

    def renames(self, *, settled: bool) -> list[tuple[int, str, str, str]]:
        """Return the day, id, old and new name of renames, either from `SETTLED_DAY` on or before it."""
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [
            (day, segment, old, after[segment])
            for (_, before), (day, after) in pairs
            for segment, old in before.items()
            if after.get(segment, old) != old and (day >= SETTLED_DAY) == settled
        ]

    @property
    def least_true(self) -> float | None:
        """The smallest share of a segment's customers for whom a claim was true, or None if no name made a claim."""
        return min(self.true_shares, default=None)


def year(source: str, seen: Iterable[Day], k: int, customers: int) -> Year:
    """Learn from a year of days, and record every snapshot."""
    recorded = Year(source)
    for now in learn(seen, k=k, first_sample=enough(customers)):
        if now.active is not None:
            recorded.last = now
            if now.published:
                named = {segment.id: segment.name for segment in now.active.segments}
                recorded.snapshots.append((now.day.number, named))
                recorded.true_shares += true_shares(now.active, now.day)
    return recorded


def true_shares(snapshot: ModelSnapshot, day: Day) -> Iterator[float]:
    """Yield the share of a segment's customers for whom a claim of its name is true, for each claim in `CLAIMS`."""
    assigned = snapshot.to_model().assign(day.rows).best
    for number, segment in zip(snapshot.numbers, snapshot.segments, strict=True):
        inside = assigned == number
        for words, holds in CLAIMS.items():
            if words in segment.name.lower() and inside.sum() >= FEWEST:
                yield float(holds(day.records)[inside].mean())


def options(parser: ArgumentParser) -> None:
    """Add options for the size of the sources, the number of segments and the output."""
    parser.add_argument("--customers", type=int, default=HOUSEHOLDS, help="maximum number in each source")
    parser.add_argument("--days", type=int, default=YEAR)
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help="number of simulated shops, with seeds from 0"
    )
    parser.add_argument("--segments", type=int, default=6, metavar="K")
    parser.add_argument("--profiles", action="store_true", help="print the profiles of each source's last model")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw a map of Complete Journey's last model")


def measure(given: Namespace) -> Figures:
    """Run all sources. Return the renames and the least share of customers for whom a claim was true, by source."""
    customers = min(given.customers, CUSTOMERS)
    sources: dict[str, Iterable[SourceRecord]] = {"complete-journey": journey(given.customers, given.days)}
    for seed in range(given.seeds):
        sources[f"simulated shop {seed}"] = simulate(customers, given.days, seed=seed)
    sources["returning shop"] = shop(customers, given.days)
    years = [year(name, days(source), given.segments, customers) for name, source in sources.items()]
    for each in years:
        for settled in (False, True):
            for day, segment, old, new in each.renames(settled=settled):
                print(f"{each.source}, day {day}, {segment}: {old} -> {new}", file=sys.stderr)
        if given.profiles and each.last is not None:
            show_profiles(each.source, each.last)
    print(table_of(years))
    if given.picture is not None and years[0].last is not None:
        from benchmarks.picture import draw_map

        draw_map(years[0].last, given.picture)
    return facts(years)


def show_profiles(source: str, last: Learned) -> None:
    """Print the output of `stream-seg segments --profiles` for the last model."""
    assert last.active is not None
    sizes = Counter(map(segment_id, last.active.to_model().assign(last.day.rows).best.tolist()))
    print(f"{source}\n")
    stdout().print(profiles(segment_facts({BEHAVIOR: sizes}, last.active.model_dump()), "USD"))


def table_of(years: list[Year]) -> str:
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
    """Return all figures by source."""
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
