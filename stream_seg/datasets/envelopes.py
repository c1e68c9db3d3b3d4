"""Events of others as a worker reads them: in which topic they belong, and when they happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.formats import to_native
from stream_seg.contracts.moments import seconds_of
from stream_seg.contracts.reasons import Refused
from stream_seg.core.vocabulary import PURCHASES, TOPICS
from stream_seg.datasets.record import SourceError

PROFILES: Final = ("identify", "alias", "consent", "erase")
TRACK: Final = "track"  # the type of Segment's events; `event` says which

Fail = Callable[[str], SourceError]  # adds file and line to what is wrong


def as_read(event: dict[str, Any]) -> Mapping[str, Any]:
    """The native form of an event; the event itself where it has none, and a worker will refuse it."""
    try:
        return to_native("purchases", event)
    except (Refused, RecursionError):
        return event


def topic_of(event: Mapping[str, Any], native: Mapping[str, Any], fail: Fail) -> str:
    """The topic where an event belongs: by its `topic`, or else by the name of what happened.

    `native` is the event as a worker reads it.
    """
    if named := event.get("topic"):
        if named not in TOPICS:
            raise fail(f"topic is {named!r}; write one of {', '.join(TOPICS)}")
        return str(named)
    kind = native.get("type")
    names = (None if kind == TRACK else kind, event.get("event_name"), event.get("event"), kind)
    happened = next((name for name in names if isinstance(name, str) and name), None)
    if happened is None:
        if event.get("order_id"):
            return "purchases"
        raise fail("no type, so the topic is not known; add a `type` or `topic`, or name the topic of the whole file")
    name = native_name(happened)
    if name in PURCHASES:
        return "purchases"
    return "profiles" if happened.lower() in PROFILES else "interactions"


def moment_of(event: Mapping[str, Any], native: Mapping[str, Any]) -> float | None:
    """When an event happened, epoch seconds, as far as it says so in any way that is known."""
    at = time_of(native.get("occurred_at"))
    return time_of(event.get("timestamp")) if at is None else at


def time_of(value: object) -> float | None:
    """Return epoch seconds of a time in text, as a worker reads it, of a datetime with an offset, or of a number.

    None for everything else.
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
