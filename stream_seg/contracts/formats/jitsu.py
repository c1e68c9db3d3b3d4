"""Jitsu's classic events (newer versions of Jitsu send Segment's calls)."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts.placeholders import Placeholders

from .base import Format, Json, first, object_in
from .segment import SEGMENT

_CALLS: Final = {"pageview": "page", "page": "page", "user_identify": "identify", "identify": "identify"}
_NO_TRAITS: Final = ("id", "anonymous_id", "hashed_anonymous_id")


def _is_event(raw: Json) -> bool:
    return "event_type" in raw and ("eventn_ctx" in raw or "eventn_ctx_event_id" in raw or raw.get("src") == "jitsu")


def _native(topic: str, raw: Json, ids: Placeholders) -> Json:
    inner, name = object_in(raw, "eventn_ctx"), raw.get("event_type")
    user = object_in(raw, "user") or object_in(inner, "user")
    call: dict[str, Any] = {
        "type": _CALLS.get(name, "track") if isinstance(name, str) else "track",
        "event": name,
        "messageId": first(raw, "eventn_ctx_event_id") or inner.get("event_id"),
        "userId": user.get("id"),
        "anonymousId": user.get("anonymous_id"),
        "timestamp": first(raw, "utc_time", "_timestamp") or inner.get("utc_time"),
        "properties": raw,
        "traits": {field: value for field, value in user.items() if field not in _NO_TRAITS},
        "context": {"locale": raw.get("user_language")},
    }
    return SEGMENT.native(topic, call, ids)


JITSU: Final = Format("Jitsu event", _is_event, _native)
