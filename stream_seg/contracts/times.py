"""Conversions between RFC 3339 texts and epoch seconds, one by one and in bulk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_FIRST_DAY: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
# The first millisecond of year 1 and the last of year 9999, since 1970.
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
_MINUTES: Final = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)]

# RFC 3339, and texts that lack only the offset or the whole time of day. `datetime.fromisoformat` accepts more forms.
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"([Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|(?P<leap>60))(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)

# Texts that are parsed in bulk begin like _FINEST, cut to one of these lengths (no fraction, or one to six decimals),
# and end with one of _UTC.
_FINEST: Final = "1000-00-00T00:00:00.000000"
_BEGINS: Final = (len("1000-00-00T00:00:00"), *range(len("1000-00-00T00:00:00.0"), len(_FINEST) + 1))
_UTC: Final = ("Z", "+00:00")
_LENGTHS: Final = frozenset(begins + len(ending) for begins in _BEGINS for ending in _UTC)
# Fewer texts than this are parsed faster one by one.
_MANY: Final = 8
# Below this, a float holds microseconds since 1970 exactly.
_EXACT_US: Final = 2**53


class MissingOffset(ValueError):
    """A time without an offset from UTC."""


def rfc3339(t: float) -> str:
    """Return epoch seconds as UTC text, such as 2017-05-09T18:00:31.250Z.

    Milliseconds are left out if they are zero. Raises ValueError like `rfc3339_ms`.
    """
    return _shortest(rfc3339_ms(t))


@lru_cache(maxsize=4096)  # on the wall clock, all customers of a group are evaluated at the same time
def rfc3339_ms(t: float) -> str:
    """Return epoch seconds as UTC text with exactly three decimals, so that texts sort like times.

    Raises ValueError if `t` is not finite or lies outside the years 1 to 9999.
    """
    try:
        day, ms = divmod(round(t * 1000.0), _DAY_MS)
        minute, ms = divmod(ms, 60_000)
        return f"{_date(day)}T{_MINUTES[minute]}:{ms // 1000:02d}.{ms % 1000:03d}Z"
    except (OverflowError, ValueError):
        raise ValueError(f"{t!r} is not a time in epoch seconds between the years 1 and 9999") from None


class FormattedTimes(dict[float, str]):
    """The result of `rfc3339` by time.

    The texts of `times` (n,) are computed at once, in a fifth of the time that `rfc3339` takes for them. Other times
    are formatted on demand.
    """

    def __init__(self, times: npt.NDArray[np.float64]) -> None:
        ms = np.rint(times * 1000.0)
        known = (ms >= _FIRST_MS) & (ms <= _LAST_MS)
        texts = np.datetime_as_string(ms[known].astype(np.int64).view("M8[ms]"), timezone="UTC").tolist()
        super().__init__(zip(times[known].tolist(), map(_shortest, texts), strict=True))

    def __missing__(self, t: float) -> str:
        return rfc3339(t)


def with_ms(text: str) -> str:
    """Convert a text of `rfc3339` to the form of `rfc3339_ms`."""
    return text if "." in text else text[:-1] + ".000Z"


def _shortest(text: str) -> str:
    return text[:-5] + "Z" if text.endswith(".000Z") else text


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """Return the date `day` days after 1970-01-01."""
    return (_FIRST_DAY + timedelta(day)).isoformat()


def parse_rfc3339(text: str) -> float:
    """Return an RFC 3339 time as epoch seconds.

    Raises MissingOffset (a ValueError) for a time without offset, and ValueError for any other invalid text.
    """
    moment = parse_datetime(text)
    return (moment - EPOCH) / SECOND


def parse_datetime(text: str) -> datetime:
    """Return an RFC 3339 time as a datetime. Raises like `parse_rfc3339`.

    A leap second, 23:59:60 in UTC, counts as the second after 23:59:59.
    """
    form = _RFC3339.fullmatch(text)
    if form is None:
        raise ValueError("not an RFC 3339 time such as 2017-05-09T18:00:31Z")
    leap = form["leap"] is not None
    moment = datetime.fromisoformat((f"{text[:17]}59{text[19:]}" if leap else text).upper())
    if moment.tzinfo is None:
        raise MissingOffset(f"{text[:40]!r} has no offset from UTC, such as Z or +00:00")
    return _second_after(moment) if leap else moment


def _second_after(moment: datetime) -> datetime:
    if (moment - EPOCH) % _DAY < _DAY - SECOND:
        raise ValueError("a leap second must be at 23:59:60 in UTC")
    try:
        return moment + SECOND
    except OverflowError:
        raise ValueError("a time after the year 9999") from None


def bulk_seconds(texts: Sequence[str]) -> list[float | None]:
    """Return many times as epoch seconds, equal to those of `parse_rfc3339` and in a tenth of its time.

    An element is None if `parse_rfc3339` must read that text, because its form is rare in `texts` or it is not a time.
    Raises TypeError if an element is not text.
    """
    lengths = list(map(len, texts))
    if len(set(lengths)) == 1:
        return _of_one_length(texts) or [None] * len(texts)
    # Many producers omit trailing zeros of a fraction, so lengths are mixed.
    found: list[float | None] = [None] * len(texts)
    for length in _LENGTHS.intersection(lengths):
        places = [at for at, each in enumerate(lengths) if each == length]
        for at, t in zip(places, _of_one_length([texts[at] for at in places]) or (), strict=False):
            found[at] = t
    return found


def _of_one_length(texts: Sequence[str]) -> list[float | None] | None:
    """Return texts such as 2017-05-09T18:00:31.250Z, all of one length, as epoch seconds.

    Returns None if one of them has another form.
    """
    n, length = len(texts), len(texts[0])
    ending = _UTC[texts[0].endswith(_UTC[1])]
    begins = length - len(ending)
    if n < _MANY or begins not in _BEGINS:
        return None
    rows = ("\n".join(texts) + "\n").encode()
    if len(rows) != n * (length + 1):
        return None
    # The check below finds a newline at the end of each of the n rows, and there are n newlines. So no text holds a
    # newline, and each text is exactly one row.
    lowest, span = _shape(begins, ending)
    grid = np.frombuffer(rows, np.uint8).reshape(n, length + 1)
    if not (grid - lowest <= span).all():
        return None
    try:
        moments = np.ndarray(n, f"S{begins}", rows, strides=(length + 1,)).astype("M8[us]").view(np.int64)
    except ValueError:
        return None
    if np.abs(moments).max() > _EXACT_US:
        return None
    seconds: list[float | None] = (moments / 1e6).tolist()
    return seconds


@cache
def _shape(begins: int, ending: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return the lowest byte and the span of bytes allowed in each column of a row: any digit, or one fixed character.

    The first digit must not be 0, because numpy accepts the year 0 and `datetime` does not.
    """
    lowest = np.frombuffer(f"{_FINEST[:begins]}{ending}\n".encode(), np.uint8)
    span = np.where(lowest == ord("0"), 9, 0).astype(np.uint8)
    span[0] = 8
    span[begins:] = 0
    return lowest, span
