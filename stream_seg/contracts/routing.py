"""Routing: finds the events in a record of any known format, and the input topic and key of each.

Programs use it to feed the input topics from a stream with mixed event types, formats and keys.

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

# Maximum nesting of arrays and objects, the same as in the worker's parser.
_DEEPEST: Final = 200


class Routed(NamedTuple):
    """One event of a record: its topic, its customer (the key of the record to write), and the JSON object to write.

    If a worker can read the record unchanged, `event` is the record itself, the same object, so a caller can forward
    its bytes. Otherwise it is a native event.
    """

    topic: str
    customer_id: str
    event: Json


def members(value: Any) -> list[Any]:
    """Return the records within a batch. A record that is not a batch is its only member. Never raises.

    Batches are arrays, the ``batch`` of Segment and PostHog, and bodies of GA4's Measurement Protocol. Route each
    member on its own, so that an invalid member does not affect the others.
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
    """Return the events in a decoded JSON value, in the order in which to write them.

    A batch, and an order of Shopify or WooCommerce with refunds, hold several events. `ids` are the placeholder ids.
    `received_s` (epoch seconds) is when the record was received. It becomes the time of an event that has none, if its
    format lets the receiver supply the time.

    Event ids come from the record. An event without an id gets one derived from its identifying fields, so the same
    record always gives the same ids, and two events of one record never share one. Raises Refused, with the reason and
    the remedy, if any part of the value is not an event. Use `members` to find the valid parts of a batch.
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
        raise Refused(reasons.TOO_DEEP, "The value nests arrays and objects too deeply. Flatten it.")
    raw = unwrapped(value)
    several = events_of(raw, ids)
    if several is not None and len(several) > 1:
        return [_checked(event, ids) for event in several]
    # The fields of an event other than its type depend on its topic, so find the topic first.
    topic = topic_of(to_native("profiles", raw, ids) if several is None else several[0])
    event = to_native(topic, raw, ids)
    if event.get("occurred_at") is None and received_s is not None and not is_native(raw):
        return [_checked(_received(event, raw, received_s), ids)]
    return [_checked(event, ids)._replace(event=value)]


def topic_of(event: Json) -> str:
    """Return the topic of a native event by its type, which an order does not need. Raises Refused without a type."""
    kind = event.get("type")
    if kind is None and event.get("order_id") is not None:
        return "purchases"
    if not isinstance(kind, str) or not kind:
        detail = "type is missing, so the topic is unknown. Add the type of the event."
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
    """Return an event with the time at which it was received.

    An event without an id of its own gets one derived from that time and the record.
    """
    added: Json = {"occurred_at": received_s}
    if str(event.get("event_id", "")).startswith("hash-"):
        added["event_id"] = hashed(received_s, json.dumps(raw, sort_keys=True))
    return {**event, **added}


def _is_deeper(values: Iterable[Any], levels: int) -> bool:
    """Return whether arrays and objects are nested in `values` more than `levels` deep."""
    for _ in range(levels):
        nested = [value for value in values if isinstance(value, dict | list)]
        if not nested:
            return False
        values = [inner for value in nested for inner in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in values)
