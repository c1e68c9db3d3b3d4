"""Values of a row by the name of a column, or by a dotted path into nested objects and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """What a row holds under a name or path; None where that is nothing, null or empty text.

    A column of that very name wins over a path, so `order.id` may be either. A number picks from a list: `items.0.sku`.
    """
    if path in row:
        found: Any = row[path]
    else:
        found = row
        for step in path.split("."):
            found = _inner(found, step)
    return None if found == "" else found


def first_value(row: Mapping[str, Any], paths: Sequence[str]) -> Any:
    """The first value that is there."""
    for path in paths:
        found = value_at(row, path)
        if found is not None:
            return found
    return None


def _inner(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
