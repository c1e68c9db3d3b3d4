"""The common form of a bench: options, measurement, keys of the JSON summary, and a tiny size."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final

from benchmarks.table import json_line

# The only list of benches. Each is the module of that name, with a `BENCH`. Benches with workers come first, because
# they wait most and a parallel run then ends sooner.
NAMES: Final = (
    "recovery", "rebalance", "compression", "throughput", "latency", "remodel", "soak", "memory", "lookup", "core",
    "flaps", "quality", "drift", "names", "rename", "replay",
)  # fmt: skip

EVERY: Final = "*"
SESSION: Final = "STREAM_SEG_SESSION_TIMEOUT_S"

Figures = Mapping[str, object]


@dataclass(frozen=True)
class Bench:
    """One bench.

    `measure` takes the options, prints tables and returns the figures. `keys` are the promised keys of the JSON
    summary: a dot leads into an object, `*` stands for every key of one, `{a,b}` for `a` and `b`. Those of `holds`
    must be true at any size, and `ok` must be true at the usual one. `smoke` holds the options of a tiny size, which
    shows only that the bench runs.
    """

    about: str
    options: Callable[[ArgumentParser], None]
    measure: Callable[[Namespace], Figures]
    keys: tuple[str, ...]
    smoke: Mapping[str, object]
    holds: tuple[str, ...] = field(default=())

    @property
    def subject(self) -> str:
        """Return the first sentence of `about`, on one line, without the full stop."""
        return " ".join(self.about.partition("\n\n")[0].split()).removesuffix(".")

    def parser(self, name: str) -> ArgumentParser:
        """Return the parser of the options of `scripts/bench NAME`."""
        parser = ArgumentParser(prog=f"scripts/bench {name}", description=self.about)
        parser.add_argument("--json", action="store_true", help="end with all figures as one JSON object on one line")
        parser.add_argument("--smoke", action="store_true", help="a tiny size: shows that it runs, measures nothing")
        self.options(parser)
        return parser

    def run(self, name: str, arguments: Sequence[str]) -> int:
        """Measure, print, and return the exit status: 1 where a promise is broken or a limit is missed."""
        parser = self.parser(name)
        if "--smoke" in arguments:
            parser.set_defaults(**self.smoke)
        given = parser.parse_args(arguments)
        with _short_sessions() if given.smoke else nullcontext():
            figures = self.measure(given)
        if given.json:
            print(json_line(figures))
        good = all(figures[key] for key in self.holds) and (given.smoke or figures.get("ok", True))
        return 0 if good else 1


@contextmanager
def _short_sessions() -> Iterator[None]:
    """Use sessions of three seconds, because starts and takeovers on the embedded broker wait for half a session."""
    before = os.environ.get(SESSION)
    os.environ[SESSION] = "3"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SESSION]
        else:
            os.environ[SESSION] = before


def load(name: str) -> Bench:
    """Return the bench of that name."""
    bench = import_module(f"benchmarks.{name}").BENCH
    assert isinstance(bench, Bench)
    return bench


def missing(figures: object, keys: Sequence[str]) -> list[str]:
    """Return the promised keys that are missing from the figures. `*` stays as it is."""
    wanted = [each for key in keys for each in expanded(key)]
    return [key for key in wanted if not _has(figures, key.split("."))]


def expanded(key: str) -> list[str]:
    """Return the keys behind a key with braces: `a_b` and `a_c` for `a_{b,c}`."""
    head, brace, rest = key.partition("{")
    if not brace:
        return [key]
    choices, _, tail = rest.partition("}")
    return [f"{head}{choice}{each}" for choice in choices.split(",") for each in expanded(tail)]


def markdown_table() -> str:
    """Return the table of docs/benchmarks.md."""
    lines = ["| bench | measures | keys of its JSON summary |", "| --- | --- | --- |"]
    for name in NAMES:
        bench = load(name)
        keys = ", ".join(f"`{key}`" for key in bench.keys)
        lines.append(f"| `{name}` | {bench.subject} | {keys} |")
    return "\n".join(lines) + "\n"


def _has(figures: object, path: Sequence[str]) -> bool:
    if not path:
        return True
    if not isinstance(figures, dict):
        return False
    first, rest = path[0], path[1:]
    found = list(_values(figures, first))
    return bool(found) and all(_has(each, rest) for each in found)


def _values(figures: Mapping[str, object], key: str) -> Iterator[object]:
    if key == EVERY:
        yield from figures.values()
    elif key in figures:
        yield figures[key]
