"""What consoles show is what was written, and nothing that a terminal would obey."""

from __future__ import annotations

import json

import pytest
from rich.console import Group
from rich.text import Text

from stream_seg.cli.console import print_json, stderr, stdout, table
from stream_seg.cli.escapes import printable

CODES = [
    ("[/b] [red]x :heart:", "[/b] [red]x :heart:"),
    ("a\x1b[2Jb\x9b1mc", r"a\x1b[2Jb\x9b1mc"),
    ("a\u202eb", r"a\u202eb"),  # what follows would be written from right to left
    ("Ünï\u3000\xa0東京 👍", "Ünï\u3000\xa0東京 👍"),
]


@pytest.mark.parametrize(("said", "shown"), CODES)
def test_text_is_shown_as_it_is(said: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    cells = table(said, title=said)
    cells.add_row(said)
    cells.add_row(Text(said, "bold"))

    stdout().print(said)
    stdout().print(Group(Text(said), cells))
    stderr().print(said)

    written = capsys.readouterr()
    assert [line.strip() for line in written.out.splitlines()] == [shown] * 6
    assert written.err.strip() == shown


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    stdout().print("orders\na month")

    assert capsys.readouterr().out == "orders\na month\n"
    assert printable("orders\na month") == r"orders\na month"


def test_json_says_the_same_and_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"name": "Köln \x1b[2J \x9b1m \x7f \udcff"}

    print_json(facts)

    written = capsys.readouterr().out
    assert written == '{"name": "Köln \\\\u001b[2J \\\\u009b1m \\\\u007f \\\\udcff"}\n'.replace("\\\\", "\\")
    assert json.loads(written) == facts
