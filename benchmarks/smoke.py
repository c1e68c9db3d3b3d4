"""Smoke: every bench at a tiny size, and what its JSON summary lacks of the keys it promises."""

from __future__ import annotations

import gc
import json
import sys
import time
import traceback
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing import get_context
from typing import Final, NamedTuple

from benchmarks.bench import NAMES, load, missing

ARGUMENTS: Final = ("--smoke", "--json")


class Outcome(NamedTuple):
    """One bench: its duration, its faults (empty if none), and its output."""

    name: str
    seconds: float
    wrong: str
    output: str


def main(arguments: Sequence[str]) -> int:
    """Print a line per bench: name, seconds, and `ok` or the faults. Returns 1 if any bench has faults, else 0."""
    parser = ArgumentParser(prog="scripts/bench all", description="Run every bench at a tiny size.")
    parser.add_argument("--smoke", action="store_true", required=True, help="at full size, run them one at a time")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many at once; most of the time they wait")
    wrong = 0
    for outcome in _outcomes(NAMES, parser.parse_args(arguments).jobs):
        print(f"{outcome.name:<10} {outcome.seconds:5.1f} s  {outcome.wrong or 'ok'}", flush=True)
        if outcome.wrong:
            wrong = 1
            print(_indented(outcome.output), file=sys.stderr, flush=True)
    return wrong


def _outcomes(names: Iterable[str], jobs: int) -> Iterator[Outcome]:
    """Run benches. The benches of one job share a process, so that modules are imported once."""
    if jobs == 1:
        yield from map(tried, names)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(tried, names)


def tried(name: str) -> Outcome:
    """Run one bench at its tiny size in this process, and check its output."""
    output, begun, thresholds = StringIO(), time.monotonic(), gc.get_threshold()
    with redirect_stdout(output), redirect_stderr(output):
        try:
            wrong = _wrong(name, output)
        except (Exception, SystemExit) as failure:
            traceback.print_exc()
            wrong = f"failed: {type(failure).__name__}: {failure}"
    gc.set_threshold(*thresholds)  # two benches configure the garbage collector as a worker does
    gc.unfreeze()
    return Outcome(name, time.monotonic() - begun, wrong, output.getvalue())


def _wrong(name: str, output: StringIO) -> str:
    bench = load(name)
    status = bench.run(name, ARGUMENTS)
    figures = json.loads(output.getvalue().rstrip().rpartition("\n")[2])
    if lacking := missing(figures, bench.keys):
        return f"missing: {', '.join(lacking)}"
    return f"does not hold: {', '.join(key for key in bench.holds if not figures[key])}" if status else ""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
