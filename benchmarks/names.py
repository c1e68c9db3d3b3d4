"""Names: how often segments are called something else over a year of snapshots; and the map of segments as a picture.

A rename is a segment whose id stays and whose name differs from the snapshot before. Features decay with a half-life
of 30 days, so for the first 120 days of a deployment everybody still becomes what they are: those are counted apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.days import Day, days
from benchmarks.learned import Learned, learn
from benchmarks.table import json_line, table
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.simulator import simulate

YEAR_DAYS = 365
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


def year(source: str, seen: Iterable[Day], k: int) -> Year:
    """A year of snapshots."""
    made = Year(source)
    for now in learn(seen, k=k):
        if now.in_force is not None:
            made.last = now
            if now.published:
                made.snapshots.append((now.day.number, names(now.in_force)))
    return made


def names(snapshot: ModelSnapshot) -> list[str]:
    """By id."""
    return [segment.name for segment in snapshot.segments]


def main() -> int:
    """Run all sources and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="simulated shops, seeds from 0")
    parser.add_argument("--segments", type=int, default=6, metavar="K")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the map of Complete Journey's last model")
    given = parser.parse_args()
    years = [year("complete-journey", days(CompleteJourney()), given.segments)]
    for seed in range(given.seeds):
        shop = simulate(CUSTOMERS, YEAR_DAYS, seed=seed)
        years.append(year(f"simulated shop {seed}", days(shop), given.segments))
    for each in years:
        for settled in (False, True):
            for day, segment, was, now in each.renames(settled=settled):
                print(f"{each.source}, day {day}, {segment}: {was} -> {now}", file=sys.stderr)
    print(shown(years))
    if given.picture is not None and years[0].last is not None:
        from benchmarks.picture import draw_map

        draw_map(years[0].last, given.picture)
    if given.json:
        print(json_line(facts(years)))
    return 0


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


def facts(years: list[Year]) -> dict[str, object]:
    """All figures, by source."""
    return {
        each.source: {
            "snapshots": len(each.snapshots),
            "renames_before_settled": len(each.renames(settled=False)),
            "renames_after": len(each.renames(settled=True)),
        }
        for each in years
    }


if __name__ == "__main__":
    sys.exit(main())
