"""Where output goes: results to standard output, progress and remarks to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from stream_seg.cli.escapes import printable, printable_json

# A pipe has no width of its own; tables should not wrap in a log.
PIPE_WIDTH: Final = 120


class PlainConsole(Console):
    """Shows text as it is, whoever wrote it: nothing is markup or an emoji's name, and no terminal obeys it."""

    def __init__(self, *, stderr: bool) -> None:
        watched = (sys.stderr if stderr else sys.stdout).isatty()
        width = None if watched else PIPE_WIDTH
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as text."""
        return super().render_str(printable(text, keep="\n"), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Whatever is shown; all text within goes through here or through `render_str`."""
        return super().render(_plain(renderable) if isinstance(renderable, Text) else renderable, options)


def _plain(text: Text) -> Text:
    safe = printable(text.plain, keep="\n")
    # Styles of parts would be in the wrong places.
    return text if safe == text.plain else Text(safe, text.style, justify=text.justify, overflow=text.overflow)


class PlainTable(Table):
    """A table for such a console: its columns are as wide as what will be shown."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """A line; strings and texts are cells like any other."""
        super().add_row(*(_plain(cell) if isinstance(cell, Text) else cell for cell in cells), **options)


def stdout() -> Console:
    """The console for results."""
    return PlainConsole(stderr=False)


def stderr() -> Console:
    """The console for progress and remarks."""
    return PlainConsole(stderr=True)


def shows_progress() -> bool:
    """Whether somebody watches standard error."""
    return sys.stderr.isatty()


def print_json(facts: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own, the last of standard output."""
    print(printable_json(json.dumps(facts, ensure_ascii=False)), flush=True)


def table(*columns: str, title: str | None = None) -> Table:
    """An airy table; a column whose name begins with `>` holds numbers."""
    made = PlainTable(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for name in columns:
        made.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return made
