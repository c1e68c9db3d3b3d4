"""Rows of a table as events: which column is which field, and what of it makes a whole event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson

from stream_seg.contracts.aliases import NATIVE_NAMES, native_name
from stream_seg.contracts.formats import to_native
from stream_seg.datasets.envelopes import TRACK, Fail, time_of, topic_of
from stream_seg.datasets.record import SourceRecord

# fmt: off
FIELDS: Final = frozenset((
    "event_id", "customer_id", "type", "occurred_at", "channel", "order_id", "amount", "currency", "items", "discount",
    "coupon", "product_id", "category", "value", "previous_id", "traits", "purposes", "properties",
))
# fmt: on
NESTED: Final = ("traits", "purposes", "properties")  # columns may be named `traits.age`
SEGMENT: Final = {"userId": "customer_id", "messageId": "event_id", "timestamp": "occurred_at"}
SEGMENT_MARKS: Final = frozenset(("userId", "messageId"))
HAPPENED: Final = ("event", "event_name")  # columns in which Segment and GA4 say what happened
IDS: Final = ("event_id", "customer_id", "order_id", "product_id", "previous_id")
DEFAULT_TYPE: Final = {"purchases": "order_completed", "profiles": "identify"}


def to_record(
    row: Mapping[str, Any], number: int, topic: str | None, key_field: str | None, fail: Fail
) -> SourceRecord:
    """One row as a record; empty cells (None or "") are left out.

    Columns with the name of an event's field are that field; others become properties, or traits of a profile. A row
    without `event_id` gets one made of its number and content, so that a second replay sends the same.
    """
    cells = {_field(name, row, key_field): value for name, value in row.items() if value is not None and value != ""}
    if topic != "profiles":
        _say_type(cells, row)
    topic = topic or topic_of(cells, cells, fail)
    cells.pop("topic", None)
    said = _nested(cells, "traits" if topic == "profiles" else "properties", fail)
    if "type" not in said and topic in DEFAULT_TYPE:
        said["type"] = DEFAULT_TYPE[topic]
    event = _native(topic, said)
    _complete(event, topic, fail)
    occurred_at_s = _occurred(event, fail)
    try:
        if "event_id" not in event:
            event["event_id"] = _id_of(number, {**said, "occurred_at": event["occurred_at"]})
        return SourceRecord(topic, event["customer_id"].encode(), orjson.dumps(event), occurred_at_s)
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise fail(f"a cell cannot be written as JSON ({error}); leave the column out") from error


def _id_of(number: int, said: Mapping[str, Any]) -> str:
    # Of what the row says, not of what aliases make of it: the id must outlive another entry in their tables.
    told = orjson.dumps([number, said], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(told, digest_size=12).hexdigest()


def _say_type(cells: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Make a column in which others say what happened the type, unless the row has a type of its own."""
    name = next((name for name in HAPPENED if name in cells), None)
    if name is None or cells.get("type", TRACK) != TRACK or not isinstance(cells[name], str):
        return
    # In a table of nobody's kind an `event` may be a summer sale.
    theirs = name == "event_name" or not SEGMENT_MARKS.isdisjoint(row)
    if theirs or native_name(cells[name]) in NATIVE_NAMES:
        cells["type"] = cells.pop(name)


def _native(topic: str, said: dict[str, Any]) -> dict[str, Any]:
    """The event by our names where the row uses those of others; what it needs may then be among the properties."""
    native = said if topic == "profiles" else to_native(topic, said)
    return said if native is said else {name: value for name, value in native.items() if value is not None}


def _field(name: str, row: Mapping[str, Any], key_field: str | None) -> str:
    if key_field is not None:
        if name == key_field:
            return "customer_id"
        if name == "customer_id":
            return "properties.customer_id"
    known = SEGMENT.get(name)
    return known if known is not None and known not in row else name


def _nested(cells: Mapping[str, Any], beyond: str, fail: Fail) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, value in cells.items():
        group, dot, inner = name.partition(".")
        if dot and group in NESTED:
            event.setdefault(group, {})[inner] = _purpose(value, fail) if group == "purposes" else value
        elif name in FIELDS:
            event[name] = _typed(name, value, fail)
        else:
            event.setdefault(beyond, {})[name] = value
    return event


def _typed(name: str, value: Any, fail: Fail) -> Any:
    if name in ("amount", "discount", "value"):
        return _number(name, value, fail)
    if name == "items" and isinstance(value, str):
        return _json(name, value, list, fail) if value.lstrip().startswith("[") else int(_number(name, value, fail))
    if name in NESTED and not isinstance(value, dict):
        return _json(name, value, dict, fail)
    if name in IDS:
        if isinstance(value, bytes):
            raise fail(f"{name} is binary; save the column as text")
        return str(value)
    return value


def _number(name: str, value: Any, fail: Fail) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise fail(f"{name} is {value!r}; write a plain number such as 12.50")
    return number


def _json(name: str, said: Any, kind: type, fail: Fail) -> Any:
    try:
        value = orjson.loads(said) if isinstance(said, str) else said
    except orjson.JSONDecodeError as error:
        raise fail(f"{name} is not JSON ({error})") from error
    if not isinstance(value, kind):
        raise fail(f"{name} is {said!r}; write a JSON {'array' if kind is list else 'object'}")
    return value


def _purpose(value: Any, fail: Fail) -> bool:
    given = {"true": True, "false": False}.get(str(value).lower())
    if given is None:
        raise fail(f"a purpose is {value!r}; write true or false")
    return given


def _complete(event: Mapping[str, Any], topic: str, fail: Fail) -> None:
    needed = ["customer_id", "occurred_at", "type"]
    if topic == "purchases":
        needed += ["order_id", "amount"] if event.get("type") == "order_completed" else ["order_id"]
    missing = [name for name in needed if name not in event]
    if missing:
        raise fail(f"no {' and no '.join(missing)}; {topic} need {', '.join(needed)}")


def _occurred(event: dict[str, Any], fail: Fail) -> float:
    value = event["occurred_at"]
    if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        value = event["occurred_at"] = float(value)
    at = time_of(value)
    if at is None:
        raise fail(
            f"occurred_at is '{value}', not a time with offset; "
            "write 2025-01-31T18:00:00Z, 2025-01-31T18:00:00+01:00, or epoch seconds"
        )
    return at
