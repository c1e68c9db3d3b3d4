"""Translates pydantic errors about an event into a reason code and a sentence about the record."""

from __future__ import annotations

from typing import Final

from pydantic_core import ErrorDetails

from . import reasons
from .reasons import Refused, quoted

_REASON_OF_FAULT: Final = {
    "missing": reasons.MISSING_FIELD,
    "string_too_short": reasons.EMPTY_ID,
    "string_too_long": reasons.ID_TOO_LONG,
    "greater_than_equal": reasons.BAD_AMOUNT,
    "finite_number": reasons.BAD_AMOUNT,
    "less_than_equal": reasons.AMOUNT_OUT_OF_RANGE,
    "value_error": reasons.BAD_TIME,
}

_TIMES: Final = ("occurred_at", "order_at", "updated_at")

# The expected form in fields with several forms.
_FORMS: Final = {"traits": "an object", "items": "a whole number or a list"}

# Fields with numbers that may be negative.
_SIGNED: Final = ("value", "discount")

_JSON_NAMES: Final = (
    (bool, "boolean"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


def json_name(value: object) -> str:
    """Return the name of a value's JSON type."""
    return next((name for kind, name in _JSON_NAMES if isinstance(value, kind)), "null")


def refused(errors: list[ErrorDetails]) -> Refused:
    """Return the refusal of an event for the first field with an error. `errors` are those of one validation."""
    field = errors[0]["loc"][0]
    # A union reports every branch. The branch that got furthest, or failed on more than the type, is most informative.
    about = [error for error in errors if error["loc"][0] == field]
    error = max(about, key=lambda e: (e["type"] != "literal_error", not e["type"].endswith("_type"), len(e["loc"])))
    reason = _REASON_OF_FAULT.get(error["type"], reasons.WRONG_TYPE)
    if reason == reasons.MISSING_FIELD:
        return Refused(reason, f"{field} is missing.")
    if reason == reasons.EMPTY_ID:
        return Refused(reason, f"{field} is empty.")
    for each in about:
        # Pydantic rejects the type of an integer if it is too large for a float.
        if each["type"] == "float_type" and type(each["input"]) is int:
            return _refused_huge(each)
    path, actual = _path(error), f" (it is {quoted(error['input'])})"
    if field in _TIMES:
        reason = reasons.BAD_TIME if reason == reasons.BAD_AMOUNT else reason
        return Refused(reason, f"{path} must be an RFC 3339 time or a number of epoch seconds{actual}.")
    form = "a JSON scalar" if path.startswith("traits.") else _FORMS.get(path)
    if form and reason == reasons.WRONG_TYPE:
        return Refused(reason, f"{path} must be {form}{actual}.")
    message = error["msg"].replace("Input should", "must").replace("String should", "must")
    return Refused(reason, f"{path} {message.replace('dictionary', 'object')}{actual}.")


def _refused_huge(error: ErrorDetails) -> Refused:
    """Return the refusal of an integer that is too large for a float."""
    path, number = _path(error), error["input"]
    if path in _TIMES and number < 0:
        return Refused(reasons.TIME_BEFORE_1970, f"{path} {quoted(number)} is before 1970.")
    if path in _TIMES:
        return Refused(reasons.TIME_IN_FUTURE, f"{path} {quoted(number)} is in the future.")
    if number < 0 and path not in _SIGNED:
        return Refused(reasons.BAD_AMOUNT, f"{path} must be greater than or equal to 0 (it is {quoted(number)}).")
    limit = "at least -1e308" if number < 0 else "at most 1e308"
    return Refused(reasons.AMOUNT_OUT_OF_RANGE, f"{path} must be {limit} (it is {quoted(number)}).")


def _path(error: ErrorDetails) -> str:
    """Return the field and the place within items or traits, without pydantic's names for union branches."""
    first, *inner = error["loc"]
    if first == "traits":
        return ".".join((first, *map(quoted, inner[:1])))
    while inner and not isinstance(inner[0], int):
        inner = inner[1:]
    return ".".join(map(str, (first, *inner)))
