"""CloudEvents in structured mode: an event in an envelope with id, type and time."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.aliases import NATIVE_NAMES, SURVEY_ANSWERED, native_name
from stream_seg.contracts.reasons import Refused, quoted

from .base import Json, Wrapper, derived_id

_KNOWN: Final = NATIVE_NAMES | {"identify", "alias", "consent", "erase", SURVEY_ANSWERED}
# Maximum number of words at the end of a CloudEvent's type that name an event: product.added.to.wishlist.
_MOST_WORDS: Final = 4


def _is_envelope(raw: Json) -> bool:
    return "specversion" in raw and "source" in raw and "type" in raw and "id" in raw


def _data(raw: Json) -> Json:
    data = raw.get("data")
    if not isinstance(data, dict):
        detail = "The record is a CloudEvent whose data is not a JSON object. Send the data of an event as JSON."
        raise Refused(reasons.UNSUPPORTED_FORMAT, detail)
    return data


def _completed(raw: Json, data: Json) -> Json:
    """Return native data, with id, time and type of the envelope in place of missing ones."""
    around = {"event_id": derived_id(raw["source"], raw["id"]), "occurred_at": raw.get("time")}
    missing = {name: value for name, value in around.items() if data.get(name) is None}
    return {**data, **missing, "type": _type(raw, data.get("type"))}


def _type(raw: Json, own: Any) -> Any:
    """Return the type of the event.

    It is the type in the data if that is a known one, else the type of the envelope if that is a known one, else the
    type in the data. Raises Refused if the data has no type and that of the envelope is unknown.
    """
    if isinstance(own, str) and native_name(own) in _KNOWN:
        return own
    try:
        return _kind(raw["type"])
    except Refused:
        if own is None:
            raise
        return own


def _kind(name: Any) -> str:
    """Return the event type in the last words of a CloudEvent's type, such as com.shop.order.completed.v1."""
    words = [word for word in str(name)[-128:].split(".") if not (word[:1] == "v" and word[1:].isdigit())]
    for many in range(_MOST_WORDS, 0, -1):
        found = native_name("_".join(words[-many:]))
        if found in _KNOWN:
            return found
    detail = f"The record is a CloudEvent of the unknown type {quoted(name)}. Put the type of an event into its data."
    raise Refused(reasons.UNKNOWN_TYPE, detail)


CLOUDEVENT: Final = Wrapper(_is_envelope, _data, _completed)
