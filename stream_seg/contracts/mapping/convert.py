"""Converts source values into event values: texts, numbers and times in the forms that a mapping describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from stream_seg.contracts.moments import seconds_of
from stream_seg.contracts.reasons import BAD_AMOUNT, BAD_TIME, TIME_WITHOUT_OFFSET, WRONG_TYPE, Refused, quoted
from stream_seg.contracts.times import parse_datetime

Converter = Callable[[Any], Any]

# Formats of times as numbers since 1970-01-01T00:00:00Z, with their units per second.
EPOCHS: Final[dict[str, float]] = {
    "epoch_days": 1 / 86_400,
    "epoch_s": 1.0,
    "epoch_ms": 1e3,
    "epoch_us": 1e6,
    "epoch_ns": 1e9,
}
# Blanks that separate thousands: a plain space, and the two no-break spaces.
_BLANKS: Final = "[ \u00a0\u202f]"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """The form of numbers in a source: decimal and thousands separators, and a divisor."""

    decimal: str = "."
    thousands: str = ""
    divide: float = 1.0


@dataclass(frozen=True, slots=True)
class TimeForm:
    """The form of times in a source: formats of `strptime` or names of EPOCHS, and the zone of times without offset."""

    formats: Sequence[str] = ()
    zone: tzinfo | None = None


def text(value: Any) -> str:
    """Return a scalar as text. Raises Refused for other values.

    Whole numbers have no decimals, because tables with missing values hold ids as 17.0.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, date):
        return value.isoformat()
    raise Refused(WRONG_TYPE, f"must be text or a number (it is {shown(value)})")


def number(value: Any, form: NumberForm) -> float:
    """Return a number from a number or from text in the form `form`. Raises Refused for other values."""
    if isinstance(value, str):
        value = _parsed(value, form)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Refused(WRONG_TYPE, f"must be a number (it is {shown(value)})")
    try:
        found = float(value)
    except OverflowError:
        found = float("inf")
    if not isfinite(found):
        raise Refused(BAD_AMOUNT, f"must be a finite number (it is {shown(value)})")
    return found / form.divide


def moment(value: Any, form: TimeForm) -> str | float:
    """Return a time as RFC 3339 text in UTC, or as epoch seconds. Raises Refused for other values."""
    if isinstance(value, datetime):
        return _written(_with_zone(value, form.zone))
    if isinstance(value, date):
        return _written(_with_zone(datetime.combine(value, time()), form.zone))
    if isinstance(value, str):
        return _moment_of_text(value.strip(), form)
    epochs = [EPOCHS[name] for name in form.formats if name in EPOCHS]
    return number(value, NumberForm(divide=epochs[0] if epochs else 1.0))


def _parsed(value: str, form: NumberForm) -> float:
    plain = value.strip()
    if _number_pattern(form.decimal, form.thousands).fullmatch(plain) is None:
        raise Refused(WRONG_TYPE, f"must be a number such as {_example(form)} (it is {shown(value)})")
    if form.thousands:
        plain = re.sub(_separator(form.thousands), "", plain)
    return float(plain.replace(form.decimal, "."))


@lru_cache
def _number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return a pattern that requires groups of three digits between separators, so that 1.25 is never read as 125."""
    integer = r"\d+"
    if thousands:
        integer = rf"(\d+|\d{{1,3}}({_separator(thousands)}\d{{3}})+)"
    point = re.escape(decimal)
    return re.compile(rf"[+-]?({integer}({point}\d*)?|{point}\d+)([eE][+-]?\d{{1,3}})?", re.ASCII)


def _separator(thousands: str) -> str:
    return _BLANKS if thousands == " " else re.escape(thousands)


def _example(form: NumberForm) -> str:
    return f"1{form.thousands}234{form.decimal}50"


def _moment_of_text(value: str, form: TimeForm) -> str | float:
    if not form.formats and _number_pattern(".", "").fullmatch(value):
        try:
            return seconds_of(value)
        except ValueError:
            detail = f"must be RFC 3339 or epoch seconds, or the mapping must name its format (it is {shown(value)})"
            raise Refused(BAD_TIME, detail) from None
    for each in form.formats or ("",):
        try:
            if each in EPOCHS:
                return number(value, NumberForm(divide=EPOCHS[each]))
            return _written(_with_zone(datetime.strptime(value, each) if each else _iso(value), form.zone))
        except (ValueError, OverflowError):
            continue
        except Refused as why:
            if why.reason != WRONG_TYPE:
                raise
    expected = " or ".join(map(repr, form.formats)) or "RFC 3339, such as 2025-01-31T18:00:00Z"
    raise Refused(BAD_TIME, f"must be a time in the format {expected} (it is {shown(value)})")


def _iso(value: str) -> datetime:
    try:
        return parse_datetime(value)
    except ValueError:
        return datetime.fromisoformat(value)


def _with_zone(when: datetime, zone: tzinfo | None) -> datetime:
    if when.tzinfo is not None:
        return when
    if zone is None:
        raise Refused(TIME_WITHOUT_OFFSET, f"has no offset from UTC (it is {shown(str(when))})")
    return when.replace(tzinfo=zone)


def _written(when: datetime) -> str:
    try:
        return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise Refused(BAD_TIME, f"must be a time from the year 1 to 9999 (it is {shown(str(when))})") from None


def shown(value: object) -> str:
    """Return a value of any type for the detail of a refusal."""
    try:
        return quoted(value)
    except (TypeError, ValueError):
        return f"of the type {type(value).__name__}"
