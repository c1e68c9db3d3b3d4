"""Events from the rows of a table: the field of each column, and the missing parts of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson

from stream_seg.contracts.aliases import NATIVE_NAMES, native_name
from stream_seg.contracts.event_fields import all_fields, needed_fields
from stream_seg.contracts.event_ids import content_id, content_of, fingerprint
from stream_seg.contracts.formats import to_native
from stream_seg.contracts.loose import as_number
from stream_seg.contracts.mapping.convert import shown, text
from stream_seg.contracts.reasons import BAD_TIME, MISSING_FIELD, NOT_JSON, WRONG_TYPE, Refused

from .envelopes import TRACK, customer_id, time_of, topic_of
from .json_lines import JsonEvents
from .ordinals import Ordinals
from .record import SourceRecord
from .skips import BAD_ROW, Row

_SECONDS: Final = re.compile(r"\d+(\.\d*)?", re.ASCII)
# Digits alone are ambiguous: a year, a month, a day, or a day with a time (2025, 202501, 20250131, 202501311800).
_LENGTHS_OF_DATES: Final = (4, 6, 8, 12, 14)
NESTED: Final = ("traits", "purposes", "properties")  # columns may be named `traits.age`
SEGMENT: Final = {"userId": "customer_id", "messageId": "event_id", "timestamp": "occurred_at"}
SEGMENT_MARKS: Final = frozenset(("userId", "messageId"))
GA4_MARKS: Final = frozenset(("event_timestamp", "timestamp_micros"))
HAPPENED: Final = ("event", "event_name")  # columns with the event type of Segment and GA4
DEFAULT_TYPE: Final = {"purchases": "order_completed", "profiles": "identify"}


class TableEvents:
    """Creates records from rows, one at a time. `topic` and `key_field` are those of FileSource.

    Columns named like a field of the event are that field. Other columns become properties, or traits of a profile.
    Rows of GA4's export pass as the envelopes that they are. A row without `event_id` gets an id derived from its
    content and from the number of equal rows before it, so that the same file always gives the same ids.
    """

    def __init__(self, topic: str | None, key_field: str | None) -> None:
        self._topic = topic
        self._key_field = key_field
        self._envelopes = JsonEvents(topic, key_field)
        self._ordinals = Ordinals()

    def record(self, row: Row) -> SourceRecord:
        """Return the record of a row, without its empty cells (None or ""). Raises Refused."""
        cells = {name: value for name, value in row.content.items() if value is not None and value != ""}
        try:
            if _is_ga4(row.content):
                return self._envelopes.record(
                    {name: _decoded(value) for name, value in cells.items()}, None, row.number
                )
            return self._native(cells, row)
        except (TypeError, UnicodeEncodeError) as error:
            raise Refused(BAD_ROW, f"a cell cannot be written as JSON ({error}); leave the column out.") from None

    def _native(self, cells: dict[str, Any], row: Row) -> SourceRecord:
        fields = {_field(name, row.content, self._key_field): value for name, value in cells.items()}
        if self._topic != "profiles":
            _say_type(fields, row.content)
        topic = self._topic or topic_of(fields, fields)
        fields.pop("topic", None)
        raw = _nested(fields, "traits" if topic == "profiles" else "properties")
        if "type" not in raw and topic in DEFAULT_TYPE:
            raw["type"] = DEFAULT_TYPE[topic]
        event = _native_names(topic, raw)
        _complete(event, topic, self._key_field)
        occurred_at_s = _occurred(event)
        if "event_id" not in event:
            # The id depends on the row's own content, not on aliases, because it must survive new entries in the alias
            # tables.
            content = content_of(topic, {**raw, "occurred_at": event["occurred_at"]})
            event["event_id"] = content_id(content, self._ordinals.next(fingerprint(content)))
        key = event["customer_id"].encode()
        return SourceRecord(topic, key, orjson.dumps(event), occurred_at_s, row.number)


def _is_ga4(row: Mapping[str, Any]) -> bool:
    return "event_name" in row and "occurred_at" not in row and not GA4_MARKS.isdisjoint(row)


def _decoded(cell: Any) -> Any:
    """Return a cell of a GA4 export. In CSV files lists and objects are written as JSON."""
    if isinstance(cell, str) and cell[:1] in ("[", "{"):
        try:
            return orjson.loads(cell)
        except orjson.JSONDecodeError:
            return cell
    return cell


def _say_type(fields: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Use a foreign event-name column as the type, unless the row has a type of its own."""
    name = next((name for name in HAPPENED if name in fields), None)
    if name is None or fields.get("type", TRACK) != TRACK or not isinstance(fields[name], str):
        return
    # In another kind of table an `event` may be a summer sale.
    theirs = name == "event_name" or not SEGMENT_MARKS.isdisjoint(row)
    if theirs or native_name(fields[name]) in NATIVE_NAMES:
        fields["type"] = fields.pop(name)


def _native_names(topic: str, raw: dict[str, Any]) -> dict[str, Any]:
    """Return the event under native names if the row uses foreign ones. Required values may then be among the
    properties.
    """
    native = raw if topic == "profiles" else to_native(topic, raw)
    return raw if native is raw else {name: value for name, value in native.items() if value is not None}


def _field(name: str, row: Mapping[str, Any], key_field: str | None) -> str:
    if key_field is not None:
        if name == key_field:
            return "customer_id"
        if name == "customer_id":
            return "properties.customer_id"
    known = SEGMENT.get(name)
    return known if known is not None and known not in row else name


def _nested(fields: Mapping[str, Any], beyond: str) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, value in fields.items():
        group, dot, inner = name.partition(".")
        if dot and group in NESTED:
            event.setdefault(group, {})[inner] = _purpose(value) if group == "purposes" else value
        elif name in all_fields():
            event[name] = _typed(name, value)
        else:
            event.setdefault(beyond, {})[name] = value
    return event


def _typed(name: str, value: Any) -> Any:
    kind = all_fields()[name]
    if kind == "number":
        return _number(name, value)
    if kind == "items" and isinstance(value, str):
        return _json(name, value, list) if value.lstrip().startswith("[") else _whole(name, value)
    if kind == "object" and not isinstance(value, dict):
        return _json(name, value, dict)
    if name == "customer_id":
        return customer_id(value, name)
    if kind == "text":
        try:
            return text(value)
        except Refused as why:
            raise Refused(why.reason, f"{name} {why.detail}.") from None
    return value


def _number(name: str, value: Any) -> float:
    found = as_number(value)
    try:
        number = float("nan") if isinstance(found, str) else float(found)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number):
        raise Refused(WRONG_TYPE, f"{name} is {shown(value)}; write a plain number such as 12.50.")
    return number


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise Refused(WRONG_TYPE, f"{name} is {shown(value)}; write a whole number, or a JSON array.")
    return int(number)


def _json(name: str, raw: Any, kind: type) -> Any:
    try:
        value = orjson.loads(raw) if isinstance(raw, str) else raw
    except orjson.JSONDecodeError as error:
        raise Refused(NOT_JSON, f"{name} is not JSON ({error}).") from None
    if not isinstance(value, kind):
        raise Refused(WRONG_TYPE, f"{name} is {shown(raw)}; write a JSON {'array' if kind is list else 'object'}.")
    return value


def _purpose(value: Any) -> bool:
    given = {"true": True, "false": False}.get(str(value).lower())
    if given is None:
        raise Refused(WRONG_TYPE, f"a purpose is {shown(value)}; write true or false.")
    return given


def _complete(event: Mapping[str, Any], topic: str, key_field: str | None) -> None:
    needed = (*needed_fields(topic, event.get("type")), "type")
    missing = [name for name in needed if name not in event]
    if missing:
        named = [f"{name} (column {key_field})" if key_field and name == "customer_id" else name for name in missing]
        raise Refused(MISSING_FIELD, f"no {' and no '.join(named)}; {topic} need {', '.join(needed)}.")


def _occurred(event: dict[str, Any]) -> float:
    value = event["occurred_at"]
    if isinstance(value, str) and _SECONDS.fullmatch(value) and len(value) not in _LENGTHS_OF_DATES:
        value = event["occurred_at"] = float(value)
    at = time_of(value)
    if at is None:
        raise Refused(
            BAD_TIME,
            f"occurred_at is {shown(str(value))}, not a time with an offset: "
            "write 2025-01-31T18:00:00Z, 2025-01-31T18:00:00+01:00, or epoch seconds.",
        )
    return at
