"""Where output goes: results to standard output, progress and remarks to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

# A pipe has no width of its own; tables should not wrap in a log.
PIPE_WIDTH: Final = 120


def stdout() -> Console:
    """The console for results."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def stderr() -> Console:
    """The console for progress and remarks."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH, highlight=False)


def shows_progress() -> bool:
    """Whether somebody watches standard error."""
    return sys.stderr.isatty()


def print_json(facts: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own, the last of standard output."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def table(*columns: str, title: str | None = None) -> Table:
    """An airy table; a column whose name begins with `>` holds numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in columns:
        made.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return made
