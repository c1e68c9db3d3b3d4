"""Reads the times of a batch of events and refuses impossible ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import reasons
from .moments import seconds_of
from .reasons import Refused, quoted
from .times import MissingOffset, bulk_seconds

# Numbers above this are probably milliseconds. As seconds they lie after the year 5138, as milliseconds after 1973.
_MILLISECONDS: Final = 1e11


def read_times(moments: list[str | float]) -> tuple[list[float], dict[int, Refused]]:
    """Return n moments as epoch seconds, and the refused ones by position.

    A refused moment is 0.0 in the list.
    """
    refused: dict[int, Refused] = {}
    return [_time(at, moments[at], refused) if t is None else t for at, t in enumerate(_in_bulk(moments))], refused


def out_of_time(
    moments: list[str | float], times: list[float], now_s: float, slack_s: float, written_ms: Sequence[int] | None
) -> dict[int, Refused]:
    """Return a refusal, by position, for each of `times` that lies before 1970 or too far in the future.

    `moments` are the same n times as the producer wrote them. An event may happen up to `slack_s` after its record was
    written (`written_ms`, the broker's timestamps) and up to `slack_s` after `now_s` (epoch seconds). Records without a
    timestamp (0 or less) are compared with `now_s` alone.
    """
    latest = min(now_s, _earliest(written_ms) / 1e3) if written_ms else now_s
    if not times or (min(times) >= 0.0 and max(times) <= latest + slack_s):
        return {}
    limits = _limits(now_s, written_ms, len(times)) + slack_s
    with np.errstate(invalid="ignore"):
        good = (np.array(times) >= 0.0) & (np.array(times) <= limits)
    return {at: _out_of_time(moments[at], times[at], now_s + slack_s) for at in np.flatnonzero(~good).tolist()}


def _earliest(written_ms: Sequence[int]) -> float:
    """Return the earliest valid timestamp, or infinity if there is none."""
    earliest = min(written_ms)
    return earliest if earliest > 0 else min((at for at in written_ms if at > 0), default=inf)


def _limits(now_s: float, written_ms: Sequence[int] | None, count: int) -> npt.NDArray[np.float64]:
    if written_ms is None:
        return np.full(count, now_s)
    written = np.array(written_ms, np.float64) / 1e3
    return np.where(written > 0.0, np.minimum(written, now_s), now_s)


def _in_bulk(moments: list[Any]) -> list[float | None]:
    """Return moments as epoch seconds, with None for each text that must be parsed on its own."""
    try:
        return bulk_seconds(moments)
    except TypeError:  # some moments are numbers
        texts = iter(bulk_seconds([moment for moment in moments if isinstance(moment, str)]))
        return [next(texts) if isinstance(moment, str) else moment for moment in moments]


def _time(at: int, moment: Any, refused: dict[int, Refused]) -> float:
    try:
        return seconds_of(moment)
    except MissingOffset as fault:
        refused[at] = Refused(reasons.TIME_WITHOUT_OFFSET, f"occurred_at {fault}.")
    except ValueError:
        form = "Write RFC 3339 with an offset, such as 2017-05-09T18:00:31Z, or epoch seconds"
        refused[at] = Refused(reasons.BAD_TIME, f"occurred_at {quoted(moment)} is not a time. {form}.")
    return 0.0


def _out_of_time(moment: str | float, t: float, latest: float) -> Refused:
    if t < 0.0:
        return Refused(reasons.TIME_BEFORE_1970, f"occurred_at {quoted(moment)} is before 1970.")
    if t <= latest:
        detail = f"occurred_at {quoted(moment)} is after the time at which the record was written."
        return Refused(reasons.TIME_IN_FUTURE, detail)
    hint = " It looks like milliseconds. Write seconds." if t > _MILLISECONDS else ""
    return Refused(reasons.TIME_IN_FUTURE, f"occurred_at {quoted(moment)} is in the future.{hint}")
