"""Formats of other programs: a table that recognizes a record's format and maps it to native events.

Each format has its own module. To add one, write its module and add it to `FORMATS`, before any format that would also
match its records.
"""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.aliases import NATIVE_NAMES, native_name
from stream_seg.contracts.loose import Json
from stream_seg.contracts.placeholders import DEFAULT, Placeholders
from stream_seg.contracts.reasons import Refused

from . import shopify, woocommerce
from .base import Format, Wrapper, first, interaction_details, object_in, order_details
from .cloudevents import CLOUDEVENT
from .connect import CONNECT, DEBEZIUM
from .ga4 import GA4, GA4_BODY, members_of_body
from .jitsu import JITSU
from .others import OTHERS, SNOWPLOW
from .posthog import POSTHOG
from .segment import BATCH, SEGMENT, members_of_batch

__all__ = ["FORMATS", "Format", "events_of", "format_of", "is_native", "members_of", "to_native", "unwrapped"]

WRAPPERS: Final[tuple[Wrapper, ...]] = (CONNECT, CLOUDEVENT)
FORMATS: Final[tuple[Format, ...]] = (
    DEBEZIUM,
    BATCH,
    GA4_BODY,
    SNOWPLOW,
    # The two frequent formats come as early as the others allow.
    SEGMENT,
    GA4,
    *OTHERS,
    POSTHOG,
    JITSU,
    shopify.REFUND,
    shopify.ORDER,
    shopify.OTHER,
    woocommerce.ORDER,
    woocommerce.REFUND,
)

# Real records have at most two wrappers, such as a Kafka Connect value that holds a CloudEvent.
_MOST_WRAPPERS: Final = 3

# Fields that show that a record with native ids is an envelope after all.
_NAMES_IN_ENVELOPES: Final = ("event", "event_name")
_TIMES_IN_ENVELOPES: Final = ("timestamp", "originalTimestamp", "event_timestamp", "timestamp_micros")

# Foreign names of fields, for native events with a foreign event name.
_ORDER_IDS: Final = ("transaction_id", "order_id")
_AMOUNTS: Final = ("purchase_revenue", "refund_value", "value", "amount")


def to_native(topic: str, raw: Json, ids: Placeholders = DEFAULT) -> Json:
    """Return the native form of a record of a topic, or `raw` itself if it is native or in no known format.

    The result is not validated. Raises Refused if a record of a known format is not exactly one event or lacks a field
    that an event needs. The detail names the format and the remedy.
    """
    known = None
    if not is_native(raw):
        inner = unwrapped(raw)
        known = None if inner is not raw and is_native(inner) else format_of(inner)
        raw = inner
    return _with_native_name(topic, raw) if known is None else known.native(topic, raw, ids)


def events_of(raw: Json, ids: Placeholders = DEFAULT) -> list[Json] | None:
    """Return all native events in a record without a topic, or None if its format holds exactly one."""
    known = None if is_native(raw) else format_of(raw)
    return None if known is None or known.events is None else known.events(raw, ids)


def members_of(raw: Json) -> list[Any] | None:
    """Return the records within a batch, or None for any other record."""
    if is_native(raw):
        return None
    if BATCH.matches(raw):
        return members_of_batch(raw)
    return members_of_body(raw) if GA4_BODY.matches(raw) else None


def format_of(raw: Json) -> Format | None:
    """Return the format of a record that is not native, or None if no format matches."""
    return next((known for known in FORMATS if known.matches(raw)), None)


def unwrapped(raw: Json) -> Json:
    """Return the event within a Kafka Connect value or a CloudEvent, or `raw` itself if it is neither."""
    for _ in range(_MOST_WRAPPERS):
        wrapper = next((each for each in WRAPPERS if each.matches(raw)), None)
        if wrapper is None or is_native(raw):
            return raw
        inner = wrapper.inner(raw)
        own = is_native(inner) or format_of(inner) is not None or any(each.matches(inner) for each in WRAPPERS)
        raw = inner if own else wrapper.completed(raw, inner)
    raise Refused(reasons.UNSUPPORTED_FORMAT, "The record wraps an event in too many envelopes. Send the event itself.")


def is_native(raw: Json) -> bool:
    """Return whether an event has native ids, and no envelope's name or time in place of the native fields.

    An event with native ids, time and type is always native, regardless of its other fields.
    """
    if raw.get("event_id") is None or raw.get("customer_id") is None:
        return False
    timed, kind = raw.get("occurred_at") is not None, raw.get("type")
    if timed and isinstance(kind, str) and kind in NATIVE_NAMES:
        return True
    return first(raw, *_NAMES_IN_ENVELOPES, *(() if timed else _TIMES_IN_ENVELOPES)) is None


def _with_native_name(topic: str, raw: Json) -> Json:
    """Return an event with its native name. If that differs from its name, take missing fields from its properties."""
    kind: Any = raw.get("type")
    if topic == "purchases" and kind is None:
        # An order needs no type. An `event` that is not an order, such as a refund, must not be read as one.
        kind = first(raw, *_NAMES_IN_ENVELOPES)
    if topic == "profiles" or not isinstance(kind, str) or native_name(kind) == raw.get("type"):
        return raw
    details = {**raw, **object_in(raw, "properties", "params")}
    if topic == "purchases":
        found = {"order_id": first(details, *_ORDER_IDS), **order_details(details, _AMOUNTS)}
    else:
        found = interaction_details(details)
    present = {name: value for name, value in raw.items() if value is not None}
    return {**found, **present, "type": native_name(kind)}
