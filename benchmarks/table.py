"""The output of a benchmark: tables for readers, and one JSON object on the last line for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under headers as a Markdown table, aligned for a terminal. Columns of numbers are right-aligned."""
    cells = [[show(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    right = [all(_is_number(row[i]) for row in rows) for i in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = "|".join(f" {'-' * (w - 1)}: " if r else f" {'-' * w} " for w, r in zip(widths, right, strict=True))
    return "\n".join([line(list(headers)), f"|{rule}|", *map(line, cells)])


def show(value: object) -> str:
    """Return a value for readers: separated thousands, three significant digits below a hundred, yes and no."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def json_line(figures: Mapping[str, object]) -> str:
    """Return figures as one JSON object on one line. Floats have six significant digits, or null if not finite."""
    return json.dumps(_rounded(figures), separators=(",", ":"), allow_nan=False)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}") if isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
