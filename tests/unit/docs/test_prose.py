"""scripts/prose.py counts what it says, in prose and nowhere else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "prose.py"


@pytest.fixture(scope="module")
def prose() -> ModuleType:
    """The script as a module."""
    specification = importlib.util.spec_from_file_location("prose", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["prose"] = module
    specification.loader.exec_module(module)
    return module


def counts(prose: ModuleType, text: str) -> dict[str, int]:
    """Return the matches of each pattern in a text."""
    return {name: len(pattern.findall(text)) for name, pattern in prose.PATTERNS.items()}


def test_patterns_of_stilted_prose(prose: ModuleType) -> None:
    text = "What comes late is skipped; nobody waits. It is a person. Of a batch one is bad. You see yours."
    assert counts(prose, text) == {"semicolons": 1, "headless": 2, "roles": 2, "you": 2}


def test_plain_sentences_and_questions_are_not_counted(prose: ModuleType) -> None:
    text = "The worker skips late events. What happens to a late event? Read the list of events."
    assert counts(prose, text) == {"semicolons": 0, "headless": 0, "roles": 0, "you": 0}


def test_only_the_prose_of_a_page_counts(prose: ModuleType) -> None:
    page = "# What it does\n\nIt reads\n`a; b` and [c](d;e).\n\n| x; | nobody |\n\n```sh\na; b\n```\n\n- One\n  item.\n"
    assert prose.markdown_prose(page).split() == ["It", "reads", "code", "and", "[c].", "One", "item."]


def test_a_line_break_does_not_begin_a_sentence(prose: ModuleType) -> None:
    assert counts(prose, prose.markdown_prose("It shows the size\nOf a segment."))["headless"] == 0


def test_docstrings_and_comments_are_the_prose_of_code(prose: ModuleType) -> None:
    function = 'def f():\n    """Three `a; b`.\n\n    Four.\n    """\n'
    source = f'"""One."""\nx = "a; b"  # type: ignore\n# Two\n# goes on\n{function}'
    assert [each for each in prose.python_prose(source).split("\n") if each] == [
        "One.",
        "Three code.",
        "Four.",
        "Two goes on",
    ]


def test_figures_are_per_thousand_words(prose: ModuleType) -> None:
    texts = [prose.Prose("a", "one two; three"), prose.Prose("b", "four you")]
    assert prose.figures(texts) == {"semicolons": 200.0, "headless": 0.0, "roles": 0.0, "you": 200.0}


def test_limits_decide_the_status(prose: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main(["--semicolons", "1000"]) == 0
    assert prose.main(["--you", "1000"]) == 1
    assert "docs: you " in capsys.readouterr().out


def test_the_docs_are_plain(prose: ModuleType) -> None:
    assert prose.main(["--semicolons", "3", "--headless", "0.3", "--roles", "0.5", "--you", "5"]) == 0
