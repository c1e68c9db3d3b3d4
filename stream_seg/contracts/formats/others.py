"""Formats that are only recognized, so that a dead letter can name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream_seg.contracts import reasons
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused

from .base import Format, Json, object_in


def _is_snowplow(raw: Json) -> bool:
    return "collector_tstamp" in raw or str(raw.get("schema", "")).startswith("iglu:")


def _is_mixpanel(raw: Json) -> bool:
    properties = object_in(raw, "properties")
    return "event" in raw and "time" in properties and "timestamp" not in raw and "distinct_id" in properties


def _is_amplitude(raw: Json) -> bool:
    return "event_type" in raw and ("event_properties" in raw or "insert_id" in raw or "amplitude_id" in raw)


def _is_stripe(raw: Json) -> bool:
    return raw.get("object") == "event" and "object" in object_in(raw, "data")


def _is_bigcommerce(raw: Json) -> bool:
    return str(raw.get("scope", "")).startswith("store/") and "data" in raw


def _named(name: str, matches: Callable[[Json], bool], why: str = "") -> Format:
    def refuse(_topic: str, _raw: Json, _ids: Placeholders) -> Json:
        detail = f"The record is {name}, which is not supported{why}. Write it as a native event or as a Segment call."
        raise Refused(reasons.UNSUPPORTED_FORMAT, detail)

    return Format(name, matches, refuse)


SNOWPLOW: Final = _named("a Snowplow event", _is_snowplow)
OTHERS: Final = (
    _named("a Mixpanel event", _is_mixpanel),
    _named("an Amplitude event", _is_amplitude),
    _named("a Stripe event", _is_stripe, " because it names a payment, not an order of a customer"),
    _named("a BigCommerce webhook", _is_bigcommerce, " because it only names an order, which must be fetched"),
)
