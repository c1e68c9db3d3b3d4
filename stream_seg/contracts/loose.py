"""Loose spellings of plain values: ids as numbers, numbers as text, null for absent fields."""

from __future__ import annotations

import re
from typing import Any, Final

from . import reasons
from .reasons import Refused, quoted

Json = dict[str, Any]

# A decimal with a point and nothing else. A comma is ambiguous because it may separate decimals or thousands.
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)", re.ASCII)
_WHOLE: Final = re.compile(r"\d{1,7}", re.ASCII)

# Larger integers are not ids. The limit bounds the length of the text made from them.
_LARGEST_ID_BITS: Final = 256
# Below this, a float holds every whole number exactly, so that 70123.0 is the id 70123.
_EXACT: Final = 2.0**53

_IDS: Final = (
    "event_id", "customer_id", "order_id", "refund_id", "previous_id", "product_id", "category", "coupon",
    "campaign_id",
)  # fmt: skip
_REQUIRED_NUMBERS: Final = {"purchases": ("amount",)}
_OPTIONAL_NUMBERS: Final = {"purchases": ("discount",), "interactions": ("value", "rating")}
_NUMBERS_OF_ITEMS: Final = ("quantity", "price")


def as_id(value: Any) -> Any:
    """Return a number as the text of an id. Any other value is returned unchanged."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and abs(value) < _EXACT and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and value.bit_length() <= _LARGEST_ID_BITS else value


def as_number(value: Any) -> Any:
    """Return a plain decimal in text as a number. Any other value is returned unchanged."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return value


def loosened(topic: str, event: Json) -> Json:
    """Return a copy of a native event with every unambiguous spelling replaced by the strict one.

    Null fields are removed, and so are optional numbers that are empty text. Values that are not understood stay
    unchanged, so validation refuses them. Raises Refused for text in place of a number that is not a plain decimal.
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
    """Replace optional numbers in text by numbers. Remove empty texts."""
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
            f"{path} {quoted(text)} is not a plain decimal. Write 1234.5, with a point for the decimals and nothing "
            "between the thousands.",
        )
    return float(found)


def _items(items: Any) -> Any:
    """Return the items of an order, as a number or as a list of lines."""
    if isinstance(items, list):
        return [_line(at, item) if isinstance(item, dict) else item for at, item in enumerate(items)]
    # In JSON, 3 and 3.0 are the same number.
    if isinstance(items, float) and items.is_integer():
        return int(items)
    return int(items) if isinstance(items, str) and _WHOLE.fullmatch(items.strip()) else items


def _line(at: int, item: Json) -> Json:
    line = {name: value for name, value in item.items() if value is not None}
    _loosen_ids(line)
    _loosen_numbers(line, _NUMBERS_OF_ITEMS, f"items.{at}.")
    return line
