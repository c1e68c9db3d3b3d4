"""Events of other systems as a worker reads them: topic, customer and time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

from stream_seg.contracts.event_fields import topic_of_type
from stream_seg.contracts.formats import to_native
from stream_seg.contracts.mapping.convert import shown, text
from stream_seg.contracts.moments import seconds_of
from stream_seg.contracts.reasons import (
    EMPTY_ID,
    MISSING_FIELD,
    UNKNOWN_TYPE,
    UNSUPPORTED_FORMAT,
    WRONG_TYPE,
    Refused,
    quoted,
)
from stream_seg.core.events.taxonomy import TOPICS

_EXACT: Final = 2.0**53
TRACK: Final = "track"  # the type of Segment's events, whose name is in `event`


def as_read(event: dict[str, Any]) -> Mapping[str, Any]:
    """Return the native form of an event, or the event itself if it has none (a worker rejects it).

    Raises Refused for a recognized format that no topic accepts as it is.
    """
    try:
        return to_native("purchases", event)
    except Refused as why:
        if why.reason == UNSUPPORTED_FORMAT:
            raise
        return event
    except RecursionError:
        return event


def topic_of(event: Mapping[str, Any], native: Mapping[str, Any]) -> str:
    """Return the topic of an event: the one that its `topic` names, or else the one of its type.

    `native` is the event as a worker reads it. Raises Refused if the topic is unknown.
    """
    if named := event.get("topic"):
        if named not in TOPICS:
            raise Refused(UNKNOWN_TYPE, f"topic is {quoted(named)}; write one of {', '.join(TOPICS)}.")
        return str(named)
    kind = native.get("type")
    names = (None if kind == TRACK else kind, event.get("event_name"), event.get("event"), kind)
    happened = next((name for name in names if isinstance(name, str) and name), None)
    if happened is None:
        if native.get("order_id"):
            return "purchases"
        raise Refused(
            MISSING_FIELD,
            "type is missing, so the topic is not known: add a `type` or `topic`, or name the topic of the whole file.",
        )
    return topic_of_type(happened)


def customer_id(value: object, name: str) -> str:
    """Return a customer's id as text. A number becomes its digits. Raises Refused if there is none."""
    if value is None:
        raise Refused(MISSING_FIELD, f"{name} is missing; every event needs the id of its customer.")
    if isinstance(value, float) and abs(value) >= _EXACT:
        # JSON readers round such numbers, which would merge several customers into one.
        raise Refused(WRONG_TYPE, f"{name} is {shown(value)}, a number too large to be an id; write it as text.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(WRONG_TYPE, f"{name} is {shown(value)}; an id is text or a number.")
    found = text(value)
    if not found:
        raise Refused(EMPTY_ID, f"{name} is empty; every event needs the id of its customer.")
    return found


def moment_of(event: Mapping[str, Any], native: Mapping[str, Any]) -> float | None:
    """Return when an event happened (epoch seconds), in any known form. The time only paces a replay."""
    occurred_at = native.get("occurred_at")
    if isinstance(occurred_at, str):
        # Five times faster than `time_of`, for the forms that need no validation here.
        try:
            when = datetime.fromisoformat(occurred_at)
        except ValueError:
            pass
        else:
            if when.tzinfo is not None:
                return when.timestamp()
    at = time_of(occurred_at)
    return time_of(event.get("timestamp")) if at is None else at


def time_of(value: object) -> float | None:
    """Return epoch seconds of a time in text (as a worker reads it), of a datetime with an offset, or of a number.

    Returns None for everything else.
    """
    if isinstance(value, str):
        try:
            return seconds_of(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo else None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return None
