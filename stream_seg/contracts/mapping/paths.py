"""Reads values of a row by column name, or by a dotted path into nested objects and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value of a row at a name or path, or None if it is absent, null or empty text.

    A column of that exact name takes precedence over a path, so `order.id` may be either. A number is an index into a
    list: `items.0.sku`.
    """
    if path in row:
        found: Any = row[path]
    else:
        found = row
        for step in path.split("."):
            found = _inner(found, step)
    return None if found == "" else found


def first_value(row: Mapping[str, Any], paths: Sequence[str]) -> Any:
    """Return the first value that is present, or None."""
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
