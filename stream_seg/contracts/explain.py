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

# What a field of several forms may be.
_FORMS: Final = {"traits": "an object", "items": "a whole number or a list"}

# Whose numbers may be negative.
_SIGNED: Final = ("value", "discount")

_JSON_NAMES: Final = (
    (bool, "boolean"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


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
    if kind == "":
        raise Refused(reasons.EMPTY_ID, "type is empty.")
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
    """The event without fields that are null: null says no more than absence. JSON has one number 3 and 3.0."""
    items = event.get("items")
    if isinstance(items, float) and items.is_integer():
        event = {**event, "items": int(items)}
    elif isinstance(items, list):
        event = {**event, "items": [_present(item) if isinstance(item, dict) else item for item in items]}
    return _present(event)


def _present(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _refused(errors: list[ErrorDetails]) -> Refused:
    field = errors[0]["loc"][0]
    # A union reports every branch; the one that got furthest, or failed on more than the type, tells most.
    about = [error for error in errors if error["loc"][0] == field]
    error = max(about, key=lambda e: (e["type"] != "literal_error", not e["type"].endswith("_type"), len(e["loc"])))
    reason = _REASON_OF_FAULT.get(error["type"], reasons.WRONG_TYPE)
    if reason == reasons.MISSING_FIELD:
        return Refused(reason, f"{field} is missing.")
    if reason == reasons.EMPTY_ID:
        return Refused(reason, f"{field} is empty.")
    for each in about:
        # An integer that is no number to pydantic is one beyond any float.
        if each["type"] == "float_type" and type(each["input"]) is int:
            return _refused_huge(each)
    path = _path(error)
    given = "" if reason == reasons.TRAITS_TOO_LARGE else f" (it is {quoted(error['input'])})"
    if field == "occurred_at":
        reason = reasons.BAD_TIME if reason == reasons.BAD_AMOUNT else reason
        return Refused(reason, f"{path} must be an RFC 3339 time or a number of epoch seconds{given}.")
    form = "a JSON scalar" if path.startswith("traits.") else _FORMS.get(path)
    if form and reason == reasons.WRONG_TYPE:
        return Refused(reason, f"{path} must be {form}{given}.")
    message = error["msg"].replace("Input should", "must").replace("String should", "must")
    return Refused(reason, f"{path} {message.replace('dictionary', 'object')}{given}.")


def _refused_huge(error: ErrorDetails) -> Refused:
    """Why an integer beyond any float is refused."""
    path, number = _path(error), error["input"]
    if path == "occurred_at" and number < 0:
        return Refused(reasons.TIME_BEFORE_1970, f"{path} {quoted(number)} lies before 1970.")
    if path == "occurred_at":
        return Refused(reasons.TIME_IN_FUTURE, f"{path} {quoted(number)} lies in the future.")
    if number < 0 and path not in _SIGNED:
        return Refused(reasons.BAD_AMOUNT, f"{path} must be greater than or equal to 0 (it is {quoted(number)}).")
    limit = "at least -1e308" if number < 0 else "at most 1e308"
    return Refused(reasons.AMOUNT_OUT_OF_RANGE, f"{path} must be {limit} (it is {quoted(number)}).")


def _path(error: ErrorDetails) -> str:
    """The field, and the place within items or traits, without pydantic's names for branches of unions."""
    first, *inner = error["loc"]
    if first == "traits":
        return ".".join((first, *map(quoted, inner[:1])))
    while inner and not isinstance(inner[0], int):
        inner = inner[1:]
    return ".".join(map(str, (first, *inner)))
