"""Rows of a table as events: which column is which field, which topic an event belongs to, when it happened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

import orjson

from stream_seg.core.vocabulary import PURCHASES, TOPICS
from stream_seg.datasets.record import SourceError, SourceRecord

PROFILES: Final = ("identify", "alias", "consent", "erase")
# fmt: off
FIELDS: Final = frozenset((
    "event_id", "customer_id", "type", "occurred_at", "channel", "order_id", "amount", "currency", "items", "discount",
    "coupon", "product_id", "category", "value", "previous_id", "traits", "purposes", "properties",
))
# fmt: on
NESTED: Final = ("traits", "purposes", "properties")  # columns may be named `traits.age`
SEGMENT: Final = {"userId": "customer_id", "messageId": "event_id", "timestamp": "occurred_at"}
DEFAULT_TYPE: Final = {"purchases": "order_completed", "profiles": "identify"}

Fail = Callable[[str], SourceError]  # adds file and line to what is wrong


def topic_of(fields: Mapping[str, Any], fail: Fail) -> str:
    """The topic an event says it belongs to: by its `topic`, or else by the name of what happened."""
    if named := fields.get("topic"):
        if named not in TOPICS:
            raise fail(f"topic is {named!r}; write one of {', '.join(TOPICS)}")
        return str(named)
    happened = fields.get("event") or fields.get("type")
    if not isinstance(happened, str):
        if fields.get("order_id"):
            return "purchases"
        raise fail("no type, so the topic is not known; add a `type` or `topic`, or name the topic of the whole file")
    name = happened.lower().replace(" ", "_")
    if name in PURCHASES:
        return "purchases"
    return "profiles" if name in PROFILES else "interactions"


def time_of(value: object) -> float | None:
    """Epoch seconds of an RFC 3339 string with offset, a datetime with one, or a number; None if it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo else None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return None


def to_record(
    row: Mapping[str, Any], number: int, topic: str | None, key_field: str | None, fail: Fail
) -> SourceRecord:
    """One row as a record; empty cells (None or "") are left out.

    Columns with the name of an event's field are that field; others become properties, or traits of a profile. A row
    without `event_id` gets one made of its number and content, so that a second replay sends the same.
    """
    cells = {_field(name, row, key_field): value for name, value in row.items() if value is not None and value != ""}
    topic = topic or topic_of(cells, fail)
    cells.pop("topic", None)
    event = _nested(cells, "traits" if topic == "profiles" else "properties", fail)
    if "type" not in event and topic in DEFAULT_TYPE:
        event["type"] = DEFAULT_TYPE[topic]
    _complete(event, topic, fail)
    occurred_at_s = _occurred(event, fail)
    if "event_id" not in event:
        told = orjson.dumps([number, event], option=orjson.OPT_SORT_KEYS)
        event["event_id"] = hashlib.blake2b(told, digest_size=12).hexdigest()
    try:
        return SourceRecord(topic, event["customer_id"].encode(), orjson.dumps(event), occurred_at_s)
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise fail(f"a cell cannot be written as JSON ({error}); leave the column out") from error


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
    if name in NESTED and isinstance(value, str):
        return _json(name, value, dict, fail)
    if name in ("event_id", "customer_id", "order_id", "product_id", "previous_id"):
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


def _json(name: str, text: str, kind: type, fail: Fail) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise fail(f"{name} is not JSON ({error})") from error
    if not isinstance(value, kind):
        raise fail(f"{name} is {text!r}; write a JSON {'array' if kind is list else 'object'}")
    return value


def _purpose(value: Any, fail: Fail) -> bool:
    given = {"true": True, "false": False}.get(str(value).lower())
    if given is None:
        raise fail(f"a purpose is {value!r}; write true or false")
    return given


def _complete(event: Mapping[str, Any], topic: str, fail: Fail) -> None:
    needed = ["customer_id", "occurred_at", "type"]
    if topic == "purchases":
        needed += ["order_id"] if event.get("type") == "order_cancelled" else ["order_id", "amount"]
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
