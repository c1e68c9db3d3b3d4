"""The slow and precise path of decoding: what a JSON value that is no native event is, or why it is none."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from stream_seg.core.vocabulary import INTERACTIONS, PURCHASES

from . import reasons
from .aliases import Json, native_name, to_native
from .events import UNSUPPORTED, Cancellation, Identify, Interaction, Purchase
from .reasons import Refused, quoted

_PURCHASE: Final = TypeAdapter(Purchase)
_CANCELLATION: Final = TypeAdapter(Cancellation)
_INTERACTION: Final = TypeAdapter(Interaction)
_IDENTIFY: Final = TypeAdapter(Identify)

_REASON_OF_FAULT: Final = {
    "missing": reasons.MISSING_FIELD,
    "string_too_short": reasons.EMPTY_ID,
    "string_too_long": reasons.ID_TOO_LONG,
    "greater_than_equal": reasons.BAD_AMOUNT,
    "finite_number": reasons.BAD_AMOUNT,
    "less_than_equal": reasons.AMOUNT_OUT_OF_RANGE,
    "traits_too_large": reasons.TRAITS_TOO_LARGE,
}

_JSON_NAMES: Final = ((bool, "boolean"), (str, "string"), (int, "number"), (float, "number"), (list, "array"))


def explain(topic: str, value: Any) -> Json:
    """The native event that `value` stands for, through the alias tables if need be; raises Refused if none."""
    if not isinstance(value, dict):
        raise Refused(reasons.NOT_AN_OBJECT, f"The value is a JSON {json_name(value)}, not an object.")
    event = _without_nulls(to_native(topic, value))
    try:
        accepted: Any = _form(topic, event).validate_python(event)
    except ValidationError as error:
        raise _refused(error.errors(include_url=False)) from None
    return dict(accepted)


def json_name(value: object) -> str:
    """What JSON calls a value."""
    return next((name for kind, name in _JSON_NAMES if isinstance(value, kind)), "null")


def _form(topic: str, event: Json) -> TypeAdapter[Any]:
    """The form that an event must have by its topic and type."""
    kind = event.get("type")
    if kind is not None and not isinstance(kind, str):
        raise Refused(reasons.WRONG_TYPE, f"type must be a string, but is a JSON {json_name(kind)}.")
    if topic == "purchases":
        return _purchase_form(kind)
    return _INTERACTION if topic == "interactions" else _profile_form(kind)


def _purchase_form(kind: str | None) -> TypeAdapter[Any]:
    if kind == "order_cancelled":
        return _CANCELLATION
    if kind is None or kind in PURCHASES:
        return _PURCHASE
    hint = "; send it to the topic interactions" if native_name(kind) in INTERACTIONS else ""
    raise Refused(reasons.UNKNOWN_TYPE, f"{quoted(kind)} is no purchase{hint}; purchases are {', '.join(PURCHASES)}.")


def _profile_form(kind: str | None) -> TypeAdapter[Any]:
    if kind in UNSUPPORTED:
        raise Refused(reasons.NOT_SUPPORTED_YET, f"{kind} is not acted on by this version; keep the record to redrive.")
    if kind is None or kind == "identify":
        return _IDENTIFY
    known = ", ".join(("identify", *UNSUPPORTED))
    raise Refused(reasons.UNKNOWN_TYPE, f"{quoted(kind)} is nothing that profiles carry; they carry {known}.")


def _without_nulls(event: Json) -> Json:
    """The event without fields that are null: null says no more than absence."""
    items = event.get("items")
    if isinstance(items, list):
        event = {**event, "items": [_present(item) if isinstance(item, dict) else item for item in items]}
    return _present(event)


def _present(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _refused(errors: list[ErrorDetails]) -> Refused:
    field = errors[0]["loc"][0]
    # A union reports every branch; the one that got furthest, or failed on more than the type, tells most.
    about = [error for error in errors if error["loc"][0] == field]
    error = max(about, key=lambda e: (not e["type"].endswith("_type"), len(e["loc"])))
    fault = error["type"]
    reason = _REASON_OF_FAULT.get(fault, reasons.WRONG_TYPE)
    # An integer that is no number to pydantic is one beyond any float.
    if any(e["type"] == "float_type" and type(e["input"]) is int for e in about):
        reason = reasons.AMOUNT_OUT_OF_RANGE
    if field == "occurred_at":
        return _refused_time(reason, error["input"])
    if reason == reasons.MISSING_FIELD:
        return Refused(reason, f"{field} is missing.")
    if reason == reasons.EMPTY_ID:
        return Refused(reason, f"{field} is empty.")
    given = "" if reason == reasons.TRAITS_TOO_LARGE else f" (it is {quoted(error['input'])})"
    if field == "traits" and reason == reasons.WRONG_TYPE:
        return Refused(
            reason, f"{_path(error)} must be {'a JSON scalar' if len(error['loc']) > 1 else 'an object'}{given}."
        )
    message = error["msg"].replace("Input should", "must").replace("dictionary", "object").replace("String", "must")
    return Refused(reason, f"{_path(error)} {message[0].lower()}{message[1:]}{given}.")


def _refused_time(reason: str, said: object) -> Refused:
    if reason == reasons.MISSING_FIELD:
        return Refused(reason, "occurred_at is missing.")
    as_time = {reasons.BAD_AMOUNT: reasons.BAD_TIME, reasons.AMOUNT_OUT_OF_RANGE: reasons.TIME_IN_FUTURE}
    detail = f"occurred_at must be an RFC 3339 time or a number of epoch seconds (it is {quoted(said)})."
    return Refused(as_time.get(reason, reason), detail)


def _path(error: ErrorDetails) -> str:
    """The field, and the place within items or traits, without pydantic's names for branches of unions."""
    first, *inner = error["loc"]
    if first == "traits":
        return ".".join(map(str, (first, *inner[:1])))
    while inner and not isinstance(inner[0], int):
        inner = inner[1:]
    return ".".join(map(str, (first, *inner)))
