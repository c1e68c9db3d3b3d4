"""PostHog's events: page views, screens, identification, and custom events."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

from .base import Format, Json, first, object_in
from .segment import SEGMENT

_CALLS: Final = {"$pageview": "page", "$screen": "screen", "$identify": "identify", "$set": "identify"}


def _is_event(raw: Json) -> bool:
    return "event" in raw and ("distinct_id" in raw or "distinct_id" in object_in(raw, "properties"))


def _native(topic: str, raw: Json, ids: Placeholders) -> Json:
    name, properties = raw.get("event"), object_in(raw, "properties")
    call = {
        "type": _CALLS.get(name, "track") if isinstance(name, str) else "track",
        "event": name,
        "messageId": first(raw, "uuid", "event_id"),
        "userId": _customer(raw, properties),
        "timestamp": raw.get("timestamp"),
        "properties": properties,
        "traits": object_in(raw, "$set") or object_in(properties, "$set"),
        "context": _context(properties),
    }
    if isinstance(name, str) and name.startswith("$") and name not in _CALLS:
        detail = f"{quoted(name)} is an internal event of PostHog, not an action of a customer. Leave it out."
        raise Refused(reasons.UNKNOWN_TYPE, detail)
    return SEGMENT.native(topic, call, ids)


def _customer(raw: Json, properties: Json) -> Any:
    """Return the id of an identified customer. Raises Refused for an anonymous visitor.

    A browser's distinct_id names the device until the visitor is identified. Servers choose their own.
    """
    user = properties.get("$user_id")
    if user is not None:
        return user
    distinct = first(raw, "distinct_id") or properties.get("distinct_id")
    anonymous = distinct == properties.get("$device_id") or properties.get("$is_identified") is False
    if anonymous or properties.get("$process_person_profile") is False:
        detail = "The record is a PostHog event of an anonymous visitor, whose distinct_id names a device."
        raise Refused(reasons.MISSING_FIELD, detail)
    return distinct


def _context(properties: Json) -> Json:
    return {
        "location": {
            "country": properties.get("$geoip_country_name"),
            "region": properties.get("$geoip_subdivision_1_name"),
            "city": properties.get("$geoip_city_name"),
        },
        "device": {"type": properties.get("$device_type")},
        "locale": properties.get("$browser_language"),
        "timezone": properties.get("$timezone"),
    }


POSTHOG: Final = Format("PostHog event", _is_event, _native)
