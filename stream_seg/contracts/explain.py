"""The precise path of decoding, which finds the native event in a JSON value or explains why there is none."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from stream_seg.core.events.taxonomy import INTERACTIONS, PURCHASES

from . import placeholders, reasons
from .aliases import native_name
from .events import UNSUPPORTED, Cancellation, Identify, Interaction, Purchase, Refund
from .formats import to_native
from .loose import Json, loosened
from .placeholders import Placeholders
from .reasons import Refused, quoted
from .refusals import json_name, refused
from .returns import with_signs

_PURCHASE: Final = TypeAdapter(Purchase)
_REFUND: Final = TypeAdapter(Refund)
_CANCELLATION: Final = TypeAdapter(Cancellation)
_INTERACTION: Final = TypeAdapter(Interaction)
_IDENTIFY: Final = TypeAdapter(Identify)


def explain(topic: str, value: Any, ids: Placeholders = placeholders.DEFAULT) -> Json:
    """Return the native event that `value` represents on a topic. Raises Refused if there is none.

    Called for each record that is not in the frequent form: records in other formats, in loose spellings, or with
    errors. `ids` are the placeholder ids.
    """
    if not isinstance(value, dict):
        raise Refused(reasons.NOT_AN_OBJECT, f"The value is a JSON {json_name(value)}, not an object.")
    return accepted(topic, to_native(topic, value, ids))


def accepted(topic: str, event: Json) -> Json:
    """Return a native event of a topic in its strict form. Raises Refused if a field is missing or invalid."""
    event = loosened(topic, event)
    if topic == "purchases":
        event = with_signs(event)
    try:
        found: Any = _form(topic, event).validate_python(event)
    except ValidationError as error:
        raise refused(error.errors(include_url=False)) from None
    return dict(found)


def _form(topic: str, event: Json) -> TypeAdapter[Any]:
    """Return the form that the topic and type of an event require."""
    kind = event.get("type")
    if kind is not None and not isinstance(kind, str):
        raise Refused(reasons.WRONG_TYPE, f"type must be a string, but is a JSON {json_name(kind)}.")
    if kind == "":
        raise Refused(reasons.EMPTY_ID, "type is empty.")
    if topic == "purchases":
        return _purchase_form(kind, event)
    return _INTERACTION if topic == "interactions" else _profile_form(kind)


def _purchase_form(kind: str | None, event: Json) -> TypeAdapter[Any]:
    if kind == "order_cancelled":
        return _CANCELLATION
    if kind == "order_refunded" and "amount" not in event:
        return _REFUND
    if kind is None or kind in PURCHASES:
        return _PURCHASE
    hint = " Send it to the topic interactions." if native_name(kind) in INTERACTIONS else ""
    known = ", ".join(PURCHASES)
    raise Refused(reasons.UNKNOWN_TYPE, f"{quoted(kind)} is not a purchase.{hint} Purchases are {known}.")


def _profile_form(kind: str | None) -> TypeAdapter[Any]:
    if kind in UNSUPPORTED:
        raise Refused(
            reasons.NOT_SUPPORTED_YET, f"{kind} is not supported by this version. Keep the record to redrive."
        )
    if kind is None or kind == "identify":
        return _IDENTIFY
    known = ", ".join(("identify", *UNSUPPORTED))
    raise Refused(reasons.UNKNOWN_TYPE, f"{quoted(kind)} is not a type of the topic profiles. Its types are {known}.")
