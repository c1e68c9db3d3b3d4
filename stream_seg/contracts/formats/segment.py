"""Segment's calls, also sent by RudderStack and Jitsu: track, page, screen, identify, group, alias, and batches."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.moments import corrected, stamp
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

from .base import Format, Json, first, flattened, hashed, interaction_details, named, object_in, order_details

_MARKS: Final = frozenset(("messageId", "userId", "anonymousId"))
_IDS_OF_CALLS: Final = ("messageId", "event_id", "uuid")
_ORDER_IDS: Final = ("order_id", "orderId", "transaction_id")
_AMOUNTS: Final = ("revenue", "total", "value", "amount")
_TIMES: Final = ("timestamp", "originalTimestamp")
_CHANNELS: Final = {"browser": "web", "web": "web", "mobile": "app", "android": "app", "ios": "app"}

# Visitor ids, which RudderStack puts among the traits of the context.
_NO_TRAITS: Final = ("anonymousId", "userId")
# Trait names that Segment reserves for both users and groups. A group must not rename a customer.
_SHARED_WITH_USERS: Final = frozenset(
    ("address", "avatar", "createdAt", "description", "email", "id", "name", "phone", "website")
)


def _native(topic: str, raw: Json, ids: Placeholders) -> Json:
    kind, name = raw.get("type") or "track", raw.get("event")
    details, channel = object_in(raw, "properties"), raw.get("channel")
    event = {
        "event_id": first(raw, "event_id", "messageId"),
        "customer_id": _customer(raw),
        "occurred_at": _time(raw),
        "channel": _CHANNELS.get(channel, channel) if isinstance(channel, str) else channel,
        "properties": details,
        "context": raw.get("context"),
    }
    if kind in ("identify", "group"):
        event |= {"type": "identify", "traits": _traits(raw) if kind == "identify" else _traits_of_group(raw)}
    elif kind in ("page", "screen"):
        event |= {"type": "page_viewed"}
    elif kind == "alias":
        event |= {"type": "alias", "previous_id": raw.get("previousId")}
    elif name is not None:
        event |= {"type": native_name(named("event", name)), **_details(topic, details, ids)}
    elif kind == "track":
        raise Refused(reasons.MISSING_FIELD, "event is missing. Every track call has one.")
    else:
        event |= {"type": kind, **_details(topic, {**raw, **details}, ids)}
    if topic == "interactions" and event["type"] in ("identify", "alias"):
        raise Refused(reasons.UNKNOWN_TYPE, f"{quoted(kind)} is not an interaction. Send it to the topic profiles.")
    if event["event_id"] is None:
        event["event_id"] = hashed(event["customer_id"], name or kind, _stable_time(raw), event.get("order_id"))
    return event


def _details(topic: str, details: Json, ids: Placeholders) -> Json:
    if topic == "purchases":
        return {"order_id": ids.real(*map(details.get, _ORDER_IDS)), **order_details(details, _AMOUNTS)}
    return interaction_details(details)


def _customer(raw: Json) -> Any:
    customer = first(raw, "customer_id", "userId")
    if customer is None and raw.get("anonymousId") is not None:
        detail = "userId is missing. anonymousId alone does not identify a customer."
        raise Refused(reasons.MISSING_FIELD, detail)
    return customer


def _time(raw: Json) -> Any:
    """Return the time of a call, by the receiver's clock if the envelope has the three times needed for that."""
    if raw.get("occurred_at") is not None:
        return raw["occurred_at"]
    corrected_s = corrected(raw.get("originalTimestamp"), raw.get("sentAt"), raw.get("receivedAt"))
    return stamp(first(raw, *_TIMES)) if corrected_s is None else corrected_s


def _stable_time(raw: Json) -> Any:
    """Return the time that stays the same if a device sends a call again."""
    resent = raw.get("sentAt") is not None and raw.get("receivedAt") is not None
    return first(raw, "occurred_at", *(reversed(_TIMES) if resent else _TIMES))


def _traits(raw: Json) -> Json:
    """Return the traits of a call. They take precedence over those of its context."""
    own = raw.get("traits")
    if own is not None and not isinstance(own, dict):
        raise Refused(reasons.WRONG_TYPE, f"traits must be an object (it is {quoted(own)}).")
    of_context = flattened(object_in(object_in(raw, "context"), "traits"))
    return {name: value for name, value in of_context.items() if name not in _NO_TRAITS} | flattened(own or {})


def _traits_of_group(raw: Json) -> Json:
    """Return the traits of a group. Names that are also traits of users get the prefix `group.`."""
    own = flattened(object_in(raw, "traits"))
    traits = {
        f"group.{name}" if name.partition(".")[0] in _SHARED_WITH_USERS else name: value for name, value in own.items()
    }
    group = first(raw, "groupId", "group_id")
    return traits if group is None else {"group.id": group, **traits}


def _is_call(raw: Json) -> bool:
    return not _MARKS.isdisjoint(raw)


def _is_batch(raw: Json) -> bool:
    return isinstance(raw.get("batch"), list)


def _refuse_batch(_topic: str, raw: Json, _ids: Placeholders) -> Json:
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        f"The record is a batch of {len(raw['batch'])} calls, as Segment and PostHog send them. Send it through "
        "`stream-seg intake`, which makes one record per call.",
    )


def members_of_batch(raw: Json) -> list[Any]:
    """Return the calls of a batch as separate calls. Members that are not objects stay unchanged.

    Each call gets the times and the context of the batch. A call without an id gets a hash of its body and of the
    number of earlier calls in the batch with the same body.
    """
    common = {name: raw[name] for name in ("sentAt", "receivedAt") if raw.get(name) is not None}
    context, seen = object_in(raw, "context"), Counter[str]()
    return [_member(call, common, context, seen) if isinstance(call, dict) else call for call in raw["batch"]]


def _member(call: Json, common: Json, context: Json, seen: Counter[str]) -> Json:
    member = {**common, **call}
    if context:
        member["context"] = context | object_in(call, "context")
    if first(call, *_IDS_OF_CALLS) is None:
        body = json.dumps(call, sort_keys=True)
        member["messageId"] = hashed(body, seen[body])
        seen[body] += 1
    return member


SEGMENT: Final = Format("Segment call", _is_call, _native)
BATCH: Final = Format("batch", _is_batch, _refuse_batch)
