"""Times as producers write them: RFC 3339 and its close relatives, epoch seconds, and the clocks of devices."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, Final

from .times import MissingOffset, parse_rfc3339

# Epoch seconds as text have nine or ten digits, milliseconds thirteen, microseconds sixteen. Texts of other lengths may
# be a year, a date, or a date with a time.
_EPOCH: Final = re.compile(r"(\d{9,10}|\d{13})(\.\d+)?", re.ASCII)
_EPOCH_IN_ENVELOPES: Final = re.compile(r"(\d{9,10}|\d{13}|\d{16})(\.\d+)?", re.ASCII)

# What others write in place of RFC 3339: no seconds, a zone called UTC or GMT, an offset without colon or minutes.
_LOOSE: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<minute>\d\d:\d\d)(?P<second>:\d\d(\.\d+)?)?"
    r"(?P<zone>[Zz]| ?(UTC|utc|GMT|gmt)| ?[+-]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_UTC: Final = ("z", "utc", "gmt")

# Numbers from here on are milliseconds, or microseconds: as seconds they lie after the year 5138.
_MILLISECONDS: Final = 1e11
_MICROSECONDS: Final = 1e14
_TOO_MANY: Final = 1e18


def seconds_of(text: str) -> float:
    """Epoch seconds of a time in text.

    Takes RFC 3339, also with a blank instead of T, without seconds, with the zone ``UTC`` or ``GMT``, with an offset
    such as ``+0000`` or ``+00``, and epoch seconds of 9, 10 or 13 digits. Raises MissingOffset (a ValueError) where
    only the offset from UTC is missing, else ValueError.
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
    """A loose time as RFC 3339 writes it; raises ValueError for any other text."""
    form = _LOOSE.fullmatch(text)
    if form is None:
        raise ValueError("not a time; write it as 2017-05-09T18:00:31Z")
    zone = (form["zone"] or "").strip()
    if zone.lower() in _UTC:
        zone = "Z"
    elif zone:
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    return f"{form['day']}T{form['minute']}{form['second'] or ':00'}{zone}"


def stamp(value: Any) -> Any:
    """The time of an envelope as epoch seconds; `value` itself where it is text that is no number, or no time.

    Numbers, also as text, are seconds, milliseconds or microseconds by their size: each unit has its own range for
    every time after 1973.
    """
    if isinstance(value, str) and _EPOCH_IN_ENVELOPES.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _TOO_MANY:
        return value
    if abs(value) < _MILLISECONDS:
        return float(value)
    return value / 1e3 if abs(value) < _MICROSECONDS else value / 1e6


def envelope_time(value: Any) -> float | None:
    """Epoch seconds of an envelope's time; None where there is none that can be read."""
    value = stamp(value)
    if isinstance(value, str):
        try:
            return seconds_of(value)
        except ValueError:
            return None
    return value if isinstance(value, float) and isfinite(value) else None


def corrected(original: Any, sent: Any, received: Any) -> float | None:
    """When an event happened by the receiver's clock: received - (sent - original), epoch seconds.

    The device's clock may be wrong by any amount: the difference of two of its times is right. None unless all three
    times can be read. Source: Segment, "Common fields", timestamps.
    """
    happened, left, arrived = envelope_time(original), envelope_time(sent), envelope_time(received)
    if happened is None or left is None or arrived is None:
        return None
    return round(arrived - (left - happened), 6)
