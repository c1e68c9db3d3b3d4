"""The common form of benchmarks: promised keys, tiny sizes, exit statuses, and the report on a benchmark that
breaks.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.bench import NAMES, Bench, Figures, expanded, load, markdown_table, missing
from benchmarks.smoke import tried
from benchmarks.table import json_line
from tests.unit.docs.test_docs import ROOT

README, PAGE = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"

Installs = Callable[..., Bench]


def no_options(parser: ArgumentParser) -> None:
    parser.add_argument("--size", type=int, default=1_000)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Installs:
    """Return a function that turns a measuring function into the bench `tiny`."""

    def make(measure: Callable[[Namespace], Figures], **said: Any) -> Bench:
        module = ModuleType("benchmarks.tiny")
        made = Bench("Tiny.", no_options, measure, **{"keys": ("size",), "smoke": {"size": 2}, **said})
        module.BENCH = made  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "benchmarks.tiny", module)
        return made

    return make


def sized(given: Namespace) -> Figures:
    print("a table")
    return {"size": given.size, "ok": given.size > 500}


def test_readme_and_page_list_the_benches_that_there_are() -> None:
    listed = re.search(r"`scripts/bench ([a-z |]+)` measures", README.read_text(encoding="utf-8"))
    assert listed is not None
    assert tuple(listed[1].split(" | ")) == NAMES
    between = re.search(r"<!-- BENCHES -->\n(.*)<!-- /BENCHES -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert between is not None
    assert between[1] == markdown_table()


def test_the_script_lists_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == main([]) == 2
    assert capsys.readouterr().err.count(" | ".join(NAMES)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_size_is_made_of_options(name: str) -> None:
    bench = load(name)
    known = {action.dest for action in bench.parser(name)._actions}
    assert bench.smoke.keys() <= known
    assert set(bench.holds) <= {key for promised in bench.keys for key in expanded(promised)}


def test_braces_stand_for_keys() -> None:
    assert expanded("a") == ["a"]
    assert expanded("{a,b}.{c,d}_e") == ["a.c_e", "a.d_e", "b.c_e", "b.d_e"]


@pytest.mark.parametrize(
    ("keys", "lacking"),
    [
        (("a", "b.c", "*"), []),
        (("a", "x"), ["x"]),
        (("b.{c,x}",), ["b.x"]),
        (("a.c",), ["a.c"]),
        (("d.*.e",), ["d.*.e"]),  # one of them has none
        (("empty.*",), ["empty.*"]),
    ],
)
def test_keys_that_are_missing(keys: tuple[str, ...], lacking: list[str]) -> None:
    figures = {"a": 1, "b": {"c": None}, "d": {"one": {"e": 1}, "two": {}}, "empty": {}}
    assert missing(figures, keys) == lacking


def test_a_tiny_size_is_not_judged(bench: Installs, capsys: pytest.CaptureFixture[str]) -> None:
    made = bench(sized)
    assert made.run("tiny", []) == 0
    assert made.run("tiny", ["--size", "3"]) == 1
    assert made.run("tiny", ["--smoke", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"size": 2, "ok": False}
    assert made.run("tiny", ["--smoke", "--size", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["size"] == 5


def test_promises_of_holds_are_checked_at_any_size(bench: Installs) -> None:
    made = bench(lambda given: {"size": given.size, "whole": given.size > 2}, keys=("size", "whole"), holds=("whole",))
    assert made.run("tiny", []) == 0
    assert made.run("tiny", ["--smoke"]) == 1
    assert tried("tiny").wrong == "does not hold: whole"


def test_a_bench_that_runs_is_fine(bench: Installs) -> None:
    bench(sized)
    outcome = tried("tiny")
    assert (outcome.wrong, outcome.output.splitlines()[0]) == ("", "a table")


def test_a_bench_that_breaks_is_told_with_its_traceback(bench: Installs) -> None:
    bench(lambda given: {"size": given.no_such_option})
    outcome = tried("tiny")
    assert outcome.wrong == "failed: AttributeError: 'Namespace' object has no attribute 'no_such_option'"
    assert "Traceback" in outcome.output
    assert tried("no_such_bench").wrong.startswith("failed: ModuleNotFoundError")


def test_a_bench_that_ends_the_program_is_told(bench: Installs) -> None:
    def ends(_: Namespace) -> Figures:
        sys.exit("no broker here")

    bench(ends)
    assert tried("tiny").wrong == "failed: SystemExit: no broker here"


def test_a_key_that_is_not_printed_is_told(bench: Installs) -> None:
    bench(sized, keys=("size", "by_kind.{a,b}"))
    assert tried("tiny").wrong == "missing: by_kind.a, by_kind.b"


def test_figures_are_strict_json() -> None:
    figures = {"a": float("inf"), "b": [1.23456789, float("nan")], "c": {"d": -float("inf"), "e": True}, "f": None}
    assert json.loads(json_line(figures), parse_constant=pytest.fail) == {
        "a": None,
        "b": [1.23457, None],
        "c": {"d": None, "e": True},
        "f": None,
    }
