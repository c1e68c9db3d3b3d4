"""The consoles of a command: results on standard output, progress and remarks on standard error."""

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
    """A console that shows all text literally, without markup, emoji names or terminal control characters."""

    def __init__(self, *, stderr: bool) -> None:
        is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
        width = None if is_terminal else PIPE_WIDTH
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as text without control characters."""
        return super().render_str(printable(text, keep="\n"), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object. Rich passes all text in it through this method or through `render_str`."""
        return super().render(_plain(renderable) if isinstance(renderable, Text) else renderable, options)


def _plain(text: Text) -> Text:
    safe = printable(text.plain, keep="\n")
    # Escapes change the length, so the styles of parts would be in the wrong places.
    return text if safe == text.plain else Text(safe, text.style, justify=text.justify, overflow=text.overflow)


class PlainTable(Table):
    """A table for a PlainConsole, with columns as wide as the escaped text."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row. Text cells are escaped before their width is measured."""
        super().add_row(*(_plain(cell) if isinstance(cell, Text) else cell for cell in cells), **options)


def stdout() -> Console:
    """Return the console for results."""
    return PlainConsole(stderr=False)


def stderr() -> Console:
    """Return the console for progress and remarks."""
    return PlainConsole(stderr=True)


def shows_progress() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object as the last line of standard output."""
    print(printable_json(json.dumps(facts, ensure_ascii=False)), flush=True)


def table(*columns: str, title: str | None = None) -> Table:
    """Return a table without borders. A column whose name begins with `>` is aligned right."""
    grid = PlainTable(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for name in columns:
        grid.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return grid
