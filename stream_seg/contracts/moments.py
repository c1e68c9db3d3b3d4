"""Readers for the time formats of producers: RFC 3339 and close variants, epoch numbers, and device clocks."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, Final

from .times import MissingOffset, parse_rfc3339

# Epoch seconds as text have 9 or 10 digits, milliseconds 13, microseconds 16. Texts of other lengths may be a year, a
# date, or a date with a time.
_EPOCH: Final = re.compile(r"(\d{9,10}|\d{13})(\.\d+)?", re.ASCII)
_EPOCH_IN_ENVELOPES: Final = re.compile(r"(\d{9,10}|\d{13}|\d{16})(\.\d+)?", re.ASCII)

# Common variants of RFC 3339: no seconds, a zone called UTC or GMT, an offset without colon or minutes.
_LOOSE: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<minute>\d\d:\d\d)(?P<second>:\d\d(\.\d+)?)?"
    r"(?P<zone>[Zz]| ?(UTC|utc|GMT|gmt)| ?[+-]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_UTC: Final = ("z", "utc", "gmt")

# Larger numbers are milliseconds or microseconds. As seconds they would lie after the year 5138.
_MILLISECONDS: Final = 1e11
_MICROSECONDS: Final = 1e14
_TOO_MANY: Final = 1e18


def seconds_of(text: str) -> float:
    """Return a time in text as epoch seconds.

    Accepts RFC 3339, also with a blank in place of T, without seconds, with the zone ``UTC`` or ``GMT``, or with an
    offset such as ``+0000`` or ``+00``. Accepts numbers of 9, 10 or 13 digits too, and returns them unchanged, so 13
    digits (milliseconds) give a time far in the future. Raises MissingOffset (a ValueError) if only the offset from UTC
    is missing, else ValueError.
    """
    try:
        return parse_rfc3339(text)
    except MissingOffset:
        raise
    except ValueError:
        if _EPOCH.fullmatch(text):
            return float(text)
        return parse_rfc3339(_strict(text))


def _strict(text: str) -> str:
    """Return a loose time in the form of RFC 3339. Raises ValueError for any other text."""
    form = _LOOSE.fullmatch(text)
    if form is None:
        raise ValueError("not a time such as 2017-05-09T18:00:31Z")
    zone = (form["zone"] or "").strip()
    if zone.lower() in _UTC:
        zone = "Z"
    elif zone:
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    return f"{form['day']}T{form['minute']}{form['second'] or ':00'}{zone}"


def stamp(value: Any) -> Any:
    """Return the time of an envelope as epoch seconds, or `value` itself if it is out of range or not a number.

    Numbers, also as text, are seconds, milliseconds or microseconds depending on their size. The ranges of the units do
    not overlap for times after 1973.
    """
    if isinstance(value, str) and _EPOCH_IN_ENVELOPES.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _TOO_MANY:
        return value
    if abs(value) < _MILLISECONDS:
        return float(value)
    return value / 1e3 if abs(value) < _MICROSECONDS else value / 1e6


def envelope_time(value: Any) -> float | None:
    """Return an envelope's time as epoch seconds, None if it is absent or unreadable."""
    value = stamp(value)
    if isinstance(value, str):
        try:
            return seconds_of(value)
        except ValueError:
            return None
    return value if isinstance(value, float) and isfinite(value) else None


def corrected(original: Any, sent: Any, received: Any) -> float | None:
    """Return the time of an event by the receiver's clock: received - (sent - original), epoch seconds.

    The device's clock may be wrong by any amount, but the difference of two of its times is right. Returns None unless
    all three times can be read. Source: Segment, "Common fields", timestamps.
    """
    happened, left, arrived = envelope_time(original), envelope_time(sent), envelope_time(received)
    if happened is None or left is None or arrived is None:
        return None
    return round(arrived - (left - happened), 6)
