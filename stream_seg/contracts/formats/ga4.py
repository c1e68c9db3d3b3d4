"""GA4: events of the BigQuery export and the SDKs, and bodies of the Measurement Protocol."""

from __future__ import annotations

import json
from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.moments import stamp
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused

from .base import Format, Json, first, hashed, interaction_details, named, object_in, objects_in, order_details

_MARKS: Final = frozenset(("event_name", "event_timestamp", "timestamp_micros", "user_pseudo_id"))
_ORDER_IDS: Final = ("transaction_id", "order_id")
_AMOUNTS: Final = ("purchase_revenue", "value", "amount")
_REFUNDED: Final = ("refund_value", "value", "amount", "purchase_revenue")
_ROW_VALUES: Final = ("string_value", "int_value", "float_value", "double_value")
_CHANNELS: Final = {"web": "web", "android": "app", "ios": "app"}

# Events that a device sends together share one timestamp. These fields or row parameters distinguish them.
_PLACES_IN_BATCH: Final = ("batch_page_id", "batch_ordering_id", "batch_event_index")


def _native(topic: str, raw: Json, ids: Placeholders) -> Json:
    name = first(raw, "event_name", "type")
    if name is None:
        raise Refused(reasons.MISSING_FIELD, "event_name is missing. Every GA4 event has one.")
    kind = native_name(named("event_name", name))
    params = first(raw, "params", "properties")
    if not isinstance(params, dict):
        params = _row_params(raw)
    parts = (params, object_in(raw, "ecommerce"), raw)
    details = {**parts[2], **parts[1], **params}
    event = {
        "event_id": raw.get("event_id"),
        "customer_id": _customer(raw),
        "occurred_at": _time(raw),
        "channel": _CHANNELS.get(str(raw.get("platform")).lower()),
        "properties": parts[1] | params,
        "context": _context(raw),
        "type": kind,
    }
    if topic == "purchases":
        order_id = ids.real(*(part.get(order) for part in parts for order in _ORDER_IDS))
        event |= {"order_id": order_id, **order_details(details, _REFUNDED if kind == "order_refunded" else _AMOUNTS)}
    else:
        event |= interaction_details(details)
    if event["event_id"] is None:
        event["event_id"] = hashed(*_identity(details, event, name))
    return event


def _row_params(raw: Json) -> Json:
    """Return the parameters of an export row, a list of keys and typed values, as an object."""
    return {
        str(pair.get("key")): first(object_in(pair, "value"), *_ROW_VALUES) for pair in objects_in(raw, "event_params")
    }


def _customer(raw: Json) -> Any:
    customer = first(raw, "customer_id", "user_id")
    if customer is None and raw.get("user_pseudo_id") is not None:
        detail = "user_id is missing. user_pseudo_id alone does not identify a customer."
        raise Refused(reasons.MISSING_FIELD, detail)
    return customer


def _time(raw: Json) -> Any:
    timestamp = first(raw, "event_timestamp", "timestamp_micros")
    if timestamp is None and raw.get("occurred_at") is not None:
        return raw["occurred_at"]
    return stamp(raw.get("timestamp") if timestamp is None else timestamp)


def _context(raw: Json) -> Json | None:
    """Return the location and device of an event in the form of Segment's context."""
    geo, device = object_in(raw, "geo"), object_in(raw, "device")
    if not geo and not device:
        return None
    return {
        "location": {name: geo.get(name) for name in ("country", "region", "city")},
        "device": {"type": device.get("category")},
        "locale": device.get("language"),
    }


def _identity(details: Json, event: Json, name: object) -> list[object]:
    """Return the values that distinguish an event from all others of its customer."""
    identity: list[object] = [event["customer_id"], name, event["occurred_at"], event.get("order_id")]
    places = [details.get(place) for place in _PLACES_IN_BATCH]
    items = details.get("items")
    if any(place is not None for place in places) or items:
        identity += [*places, json.dumps(items, sort_keys=True)]
    return identity


def _is_event(raw: Json) -> bool:
    return not _MARKS.isdisjoint(raw)


def _is_body(raw: Json) -> bool:
    """Return whether a record is the body of a Measurement Protocol request, which holds a list of events."""
    return isinstance(raw.get("events"), list) and ("client_id" in raw or "app_instance_id" in raw)


def _refuse_body(_topic: str, raw: Json, _ids: Placeholders) -> Json:
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        f"The record is a body of GA4's Measurement Protocol with {len(raw['events'])} events. Send it through "
        "`stream-seg intake`, which makes one record per event.",
    )


def members_of_body(raw: Json) -> list[Any]:
    """Return the events of a body with their positions. Members that are not objects stay unchanged."""
    common = {name: raw[name] for name in ("user_id", "timestamp_micros") if raw.get(name) is not None}
    if "user_id" not in common:
        common["user_pseudo_id"] = first(raw, "client_id", "app_instance_id")
    return [_member(common, at, event) for at, event in enumerate(raw["events"])]


def _member(common: Json, at: int, event: Any) -> Any:
    if not isinstance(event, dict):
        return event
    own = {"event_name": event.get("name"), "params": object_in(event, "params"), "batch_event_index": at}
    if event.get("timestamp_micros") is not None:
        own["timestamp_micros"] = event["timestamp_micros"]
    return {**common, **own}


GA4: Final = Format("GA4 event", _is_event, _native)
GA4_BODY: Final = Format("body of GA4's Measurement Protocol", _is_body, _refuse_body)
