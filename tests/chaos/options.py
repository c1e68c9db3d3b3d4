"""Options of a chaos run."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stream_seg.worker.crash_points import POINTS

PARTITIONS = 8
EVENTS_A_CUSTOMER = 10
SECONDS_A_KILL = 15.0
SECONDS_A_POINT = 12.0
SHORTEST_S = 30.0


@dataclass(frozen=True)
class Options:
    """A run. `seed` fixes the input and the plan. The situations that they meet differ from run to run.

    Without `learning` the model is pinned and hysteresis off, so that segments follow from the input alone. `points`
    are crash points to visit. `keep` is where logs stay (otherwise they are removed with the run).
    """

    broker: str = "embedded"
    events: int = 1_000_000
    workers: int = 2
    kills: int = 20
    seed: int = 1
    seconds: float = 0.0
    learning: bool = False
    points: tuple[str, ...] = POINTS
    keep: Path | None = None
    json: bool = False

    @property
    def customers(self) -> int:
        """Return the number of customers in the simulated input."""
        return max(self.events // EVENTS_A_CUSTOMER, 50)

    @property
    def duration_s(self) -> float:
        """Return how long events arrive: the given time, or the time that the plan will take."""
        return self.seconds or max(SHORTEST_S, self.kills * SECONDS_A_KILL + len(self.points) * SECONDS_A_POINT)


def parse(arguments: Sequence[str]) -> Options:
    """Parse options from a command line. Ends the process with status 2 when they make no sense."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Kill, freeze and starve workers under a steady load, then compare every customer with a plain"
        " fold of the input. Exit status 1 when anything differs.",
    )
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--events", type=_number, default=1_000_000, help="simulated events (1,000,000)")
    parser.add_argument("--workers", type=_number, default=2, help="workers that run most of the time (2)")
    parser.add_argument("--kills", type=_count, default=20, help="kill -9 of workers that own partitions and lag (20)")
    parser.add_argument("--seed", type=int, help="of input and plan (random, and printed)")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long events arrive (as long as the plan takes)")
    parser.add_argument("--learning", action="store_true", help="let the model be learned: no check of segments")
    parser.add_argument("--points", default="all", help=f"crash points: all, none, or some of {','.join(POINTS)}")
    parser.add_argument("--keep", type=Path, help="a folder for the workers' logs")
    parser.add_argument("--json", action="store_true", help="the table as one JSON object on the last line")
    given = parser.parse_args(arguments)
    given.points = _points(parser, given.points)
    if given.seed is None:
        given.seed = random.randrange(1_000_000)
    if given.seconds < 0:
        parser.error("--seconds must not be negative")
    return Options(**vars(given))


def _points(parser: argparse.ArgumentParser, text: str) -> tuple[str, ...]:
    if text in ("all", "none"):
        return POINTS if text == "all" else ()
    names = tuple(text.split(","))
    for name in names:
        if name not in POINTS:
            parser.error(f"no crash point is called {name!r}; there are {', '.join(POINTS)}")
    return names


def _number(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number
