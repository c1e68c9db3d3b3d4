"""Routing: the events that a record from anywhere stands for, and where each belongs.

For programs that feed the input topics from a stream whose records have any key, any order of kinds, and any known
format.

>>> call = {"type": "track", "event": "Order Completed", "messageId": "m-1", "userId": 7, "timestamp": 1795168800,
...         "properties": {"order_id": "o-1", "revenue": "25.50"}}
>>> [(part.topic, part.customer_id) for part in routed({"batch": [call]})]
[('purchases', '7')]
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from . import placeholders, reasons
from .event_fields import topic_of_type
from .explain import accepted
from .formats import events_of, is_native, members_of, to_native, unwrapped
from .formats.base import hashed
from .loose import Json
from .placeholders import Placeholders
from .reasons import Refused, quoted
from .refusals import json_name

# Arrays and objects within each other. The parser of the worker goes as far.
_DEEPEST: Final = 200


class Routed(NamedTuple):
    """One event of a record: its topic, its customer (the key to write it with), and what to write as JSON.

    `event` is the record itself, the same object, where a worker reads it as it is: its bytes can go on unchanged.
    Otherwise it is a native event.
    """

    topic: str
    customer_id: str
    event: Json


def members(value: Any) -> list[Any]:
    """Return the records within a batch, or the one record that is none. Never raises.

    Batches are arrays, the ``batch`` of Segment and PostHog, and bodies of GA4's Measurement Protocol. Route each
    member by itself, so that one bad call costs only itself.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or _is_deeper([value], _DEEPEST):
        return [value]
    try:
        found = members_of(unwrapped(value))
    except Refused:
        return [value]
    return [value] if found is None else found


def routed(value: Any, ids: Placeholders = placeholders.DEFAULT, received_s: float | None = None) -> list[Routed]:
    """Return the events that a decoded JSON value stands for, in the order in which they are to be written.

    A batch, and an order of Shopify or WooCommerce with refunds, stand for several. `ids` are the placeholder ids.
    `received_s` (epoch seconds) is when the record was received: it is the time of an event whose format lets the
    receiver supply it, and whose record does not say one.

    Event ids are those of the record. Where an event has none of its own, its id is made of what identifies it: the
    same record gives the same ids, and two events of one record never share one. Raises Refused, with the reason and
    what to do, where any of it is no event; what of a batch is good is then found with `members`.
    """
    parts = members(value)
    if len(parts) == 1 and parts[0] is value:
        return _routed(value, ids, received_s)
    found: list[Routed] = []
    for at, part in enumerate(parts):
        try:
            found += _routed(part, ids, received_s)
        except Refused as why:
            raise Refused(why.reason, f"Member {at} of the batch: {why.detail}") from None
    return found


def _routed(value: Any, ids: Placeholders, received_s: float | None) -> list[Routed]:
    if not isinstance(value, dict):
        raise Refused(reasons.NOT_AN_OBJECT, f"The value is a JSON {json_name(value)}, not an object.")
    if _is_deeper([value], _DEEPEST):
        raise Refused(reasons.TOO_DEEP, "The value nests arrays and objects too deeply; flatten it.")
    raw = unwrapped(value)
    several = events_of(raw, ids)
    if several is not None and len(several) > 1:
        return [_checked(event, ids) for event in several]
    # What an event says beside its type depends on its topic.
    topic = topic_of(to_native("profiles", raw, ids) if several is None else several[0])
    event = to_native(topic, raw, ids)
    if event.get("occurred_at") is None and received_s is not None and not is_native(raw):
        return [_checked(_received(event, raw, received_s), ids)]
    return [_checked(event, ids)._replace(event=value)]


def topic_of(event: Json) -> str:
    """Return the topic of a native event, by its type; an order needs none. Raises Refused where nothing says it."""
    kind = event.get("type")
    if kind is None and event.get("order_id") is not None:
        return "purchases"
    if not isinstance(kind, str) or not kind:
        detail = "type is missing, so the topic is not known; say what happened."
        raise Refused(reasons.MISSING_FIELD, detail)
    return topic_of_type(kind)


def _checked(event: Json, ids: Placeholders) -> Routed:
    topic = topic_of(event)
    strict = accepted(topic, event)
    customer: str = strict["customer_id"]
    if customer in ids:
        detail = f"customer_id {quoted(customer)} is a placeholder, not a customer (see the setting PLACEHOLDER_IDS)."
        raise Refused(reasons.PLACEHOLDER_ID, detail)
    return Routed(topic, customer, strict)


def _received(event: Json, raw: Json, received_s: float) -> Json:
    """An event at the time at which it was received; without an id of its own, that time and the record identify it."""
    said: Json = {"occurred_at": received_s}
    if str(event.get("event_id", "")).startswith("hash-"):
        said["event_id"] = hashed(received_s, json.dumps(raw, sort_keys=True))
    return {**event, **said}


def _is_deeper(values: Iterable[Any], levels: int) -> bool:
    """Whether values hold arrays or objects within each other to more than so many levels."""
    for _ in range(levels):
        nested = [value for value in values if isinstance(value, dict | list)]
        if not nested:
            return False
        values = [inner for value in nested for inner in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in values)
