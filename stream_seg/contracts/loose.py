"""Loose spellings of plain values: ids as numbers, numbers as text, null for what is absent."""

from __future__ import annotations

import re
from typing import Any, Final

from . import reasons
from .reasons import Refused, quoted

Json = dict[str, Any]

# A decimal with a point and nothing else. A comma may separate decimals or thousands, so that its text is ambiguous.
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)", re.ASCII)
_WHOLE: Final = re.compile(r"\d{1,7}", re.ASCII)

# Integers of more bits are no ids, and text of any length must not be made of them.
_LARGEST_ID_BITS: Final = 256
# Up to here each whole number is a float of its own, so that 70123.0 is the id 70123.
_EXACT: Final = 2.0**53

_IDS: Final = ("event_id", "customer_id", "order_id", "refund_id", "previous_id", "product_id", "category", "coupon")
_REQUIRED_NUMBERS: Final = {"purchases": ("amount",)}
_OPTIONAL_NUMBERS: Final = {"purchases": ("discount",), "interactions": ("value", "rating")}
_NUMBERS_OF_ITEMS: Final = ("quantity", "price")


def as_id(value: Any) -> Any:
    """Return a number as the text of an id, and any other value itself."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and abs(value) < _EXACT and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and value.bit_length() <= _LARGEST_ID_BITS else value


def as_number(value: Any) -> Any:
    """Return a plain decimal in text as a number, and any other value itself."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return value


def loosened(topic: str, event: Json) -> Json:
    """Return a copy of a native event in which every unambiguous spelling is the strict one.

    Fields that are null are left out, and so are optional numbers of empty text. Values that are not understood stay as
    they are, for validation to refuse. Raises Refused for text that should be a number and is no plain decimal.
    """
    found = {name: value for name, value in event.items() if value is not None}
    _loosen_ids(found)
    for name in _REQUIRED_NUMBERS.get(topic, ()):
        if isinstance(found.get(name), str):
            found[name] = _number(name, found[name])
    _loosen_numbers(found, _OPTIONAL_NUMBERS.get(topic, ()), "")
    if topic == "purchases" and "items" in found:
        found["items"] = _items(found["items"])
    return found


def _loosen_ids(fields: Json) -> None:
    for name in _IDS:
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            fields[name] = as_id(value)


def _loosen_numbers(fields: Json, names: tuple[str, ...], where: str) -> None:
    """Read optional numbers in text; empty text is no number."""
    for name in names:
        value = fields.get(name)
        if value == "":
            del fields[name]
        elif isinstance(value, str):
            fields[name] = _number(where + name, value)


def _number(path: str, text: str) -> float:
    found = as_number(text)
    if isinstance(found, str):
        raise Refused(
            reasons.BAD_AMOUNT,
            f"{path} {quoted(text)} is not a plain decimal; write 1234.5, with a point for the decimals and nothing "
            "between the thousands.",
        )
    return float(found)


def _items(items: Any) -> Any:
    """Items of an order, as a number or as a list of lines."""
    if isinstance(items, list):
        return [_line(at, item) if isinstance(item, dict) else item for at, item in enumerate(items)]
    # JSON has one number 3 and 3.0.
    if isinstance(items, float) and items.is_integer():
        return int(items)
    return int(items) if isinstance(items, str) and _WHOLE.fullmatch(items.strip()) else items


def _line(at: int, item: Json) -> Json:
    line = {name: value for name, value in item.items() if value is not None}
    _loosen_ids(line)
    _loosen_numbers(line, _NUMBERS_OF_ITEMS, f"items.{at}.")
    return line
