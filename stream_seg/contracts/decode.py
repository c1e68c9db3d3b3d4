"""The hot path: records of an input topic into validated events, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from . import reasons
from .events import FREQUENT
from .money import Money
from .reader import EventReader
from .reasons import Refused, quoted
from .times import MissingOffset, bulk_seconds, parse_rfc3339

MAX_VALUE_BYTES: Final = 256 * 1024

# A number of seconds that is a plausible number of milliseconds: past the year 5138 against past 1973.
_MILLISECONDS: Final = 1e11


@dataclass(frozen=True, slots=True, order=True)
class Rejected:
    """A record that is no event: its position in the batch, a code of `reasons`, and a sentence."""

    index: int
    reason: str
    detail: str


@dataclass(slots=True)
class Decoded:
    """The good events of a batch as aligned columns, in the order of their records, and those rejected.

    `indices` are positions in the batch, `times` epoch seconds, `amounts` minor units of the base currency
    (purchases only, else empty; 0 where a cancellation has none).
    """

    indices: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def refuse(self, refused: Mapping[int, Refused]) -> None:
        """Move events, by position in the columns, to those rejected."""
        if not refused:
            return
        self.rejected += [Rejected(self.indices[at], r.reason, r.detail) for at, r in refused.items()]
        kept = [True] * len(self.indices)
        for at in refused:
            kept[at] = False
        columns: tuple[list[Any], ...] = (self.indices, self.events, self.times, self.amounts)
        for column in columns:
            column[:] = compress(column, kept)


class Decoder:
    """Decodes records of one input topic ("purchases", "interactions" or "profiles").

    `currency` and `rates` as in `money.Money`; `future_slack_s` is how far past now an event may say it
    happened. JSON's unofficial NaN and Infinity are read as numbers: refused as bad_amount, or bad_time, wherever
    the contract asks for a number, and harmless in free properties. Raises ValueError on an unknown topic,
    currency or rate.
    """

    def __init__(
        self,
        topic: str,
        *,
        currency: str = "USD",
        rates: Mapping[str, float] | None = None,
        future_slack_s: float = 300.0,
    ) -> None:
        if topic not in FREQUENT:
            raise ValueError(f"{topic!r} is no input topic; take one of {', '.join(FREQUENT)}")
        self._topic = topic
        self._reader = EventReader(topic)
        self._money = Money(currency, rates or {}) if topic == "purchases" else None
        self._future_slack_s = future_slack_s

    def decode(self, values: Sequence[bytes | None], keys: Sequence[bytes | None], now_s: float) -> Decoded:
        """Events of records with these values and keys; `now_s` is wall time, epoch seconds.

        Never raises for what a record holds: whatever is not an event is rejected with a reason, and changes
        nothing for those around it.
        """
        decoded = Decoded(indices=list(range(len(values))))
        records = _readable(values, decoded)
        decoded.events, refused = self._reader.read(records)
        decoded.refuse(refused)
        if decoded.events:
            _check_keys(decoded, keys)
            self._read_times(decoded, now_s)
            self._read_amounts(decoded)
        decoded.rejected.sort()
        return decoded

    def _read_times(self, decoded: Decoded, now_s: float) -> None:
        said = [event["occurred_at"] for event in decoded.events]
        refused: dict[int, Refused] = {}
        found = _bulk_times(said)
        times = [_time(at, said[at], refused) if t is None else t for at, t in enumerate(found)]
        latest = now_s + self._future_slack_s
        if times and not (min(times) >= 0.0 and max(times) <= latest):
            for at, t in enumerate(times):
                if not 0.0 <= t <= latest:
                    refused[at] = _out_of_time(said[at], t)
        decoded.times = times
        decoded.refuse(refused)

    def _read_amounts(self, decoded: Decoded) -> None:
        if self._money is not None and decoded.events:
            decoded.amounts, refused = self._money.minor_units(decoded.events)
            decoded.refuse(refused)


def _readable(values: Sequence[bytes | None], decoded: Decoded) -> list[bytes]:
    """The values that can be parsed at all; the others are rejected."""
    try:
        if max(map(len, values), default=0) <= MAX_VALUE_BYTES:  # type: ignore[arg-type]
            return list(values)  # type: ignore[arg-type]
    except TypeError:
        pass  # there is a null among them
    refused: dict[int, Refused] = {}
    for at, value in enumerate(values):
        if value is None:
            refused[at] = Refused(reasons.NULL_VALUE, "The record has no value; send an event, or nothing.")
        elif len(value) > MAX_VALUE_BYTES:
            detail = f"The value has {len(value):,} bytes; at most {MAX_VALUE_BYTES:,} are read."
            refused[at] = Refused(reasons.TOO_LARGE, detail)
    decoded.refuse(refused)
    return [value for at, value in enumerate(values) if value is not None and at not in refused]


def _check_keys(decoded: Decoded, keys: Sequence[bytes | None]) -> None:
    owners = [event["customer_id"] for event in decoded.events]
    first, last = decoded.indices[0], decoded.indices[-1]
    gapless = last - first + 1 == len(owners)
    said = list(keys[first : last + 1]) if gapless else [keys[index] for index in decoded.indices]
    if _all_equal(owners, said):
        return
    refused: dict[int, Refused] = {}
    for at, (owner, key) in enumerate(zip(owners, said, strict=True)):
        if key is None:
            refused[at] = Refused(reasons.MISSING_KEY, f"The record has no key; its key must be {quoted(owner)}.")
        elif key != owner.encode():
            wrong = quoted(key.decode(errors="backslashreplace"))
            refused[at] = Refused(reasons.KEY_MISMATCH, f"The key is {wrong}, the customer_id {quoted(owner)}.")
    decoded.refuse(refused)


def _all_equal(owners: list[str], keys: list[bytes | None]) -> bool:
    """Whether every key is its owner in UTF-8; where ids hold newlines, False may also mean unknown."""
    try:
        joined = b"\n".join(keys)  # type: ignore[arg-type]
    except TypeError:
        return False
    return "\n".join(owners).encode() == joined and joined.count(b"\n") == len(keys) - 1


def _bulk_times(said: list[Any]) -> list[float | None]:
    """Epoch seconds of many moments at once; None in place of texts to be read one by one."""
    try:
        return bulk_seconds(said)
    except TypeError:  # there are numbers among them
        return [None if isinstance(moment, str) else moment for moment in said]


def _time(at: int, moment: str, refused: dict[int, Refused]) -> float:
    try:
        return parse_rfc3339(moment)
    except MissingOffset as fault:
        refused[at] = Refused(reasons.TIME_WITHOUT_OFFSET, f"occurred_at {fault}.")
    except ValueError:
        form = "write RFC 3339 with an offset, such as 2017-05-09T18:00:31Z, or epoch seconds"
        refused[at] = Refused(reasons.BAD_TIME, f"occurred_at {quoted(moment)} is no time; {form}.")
    return 0.0


def _out_of_time(said: str | float, t: float) -> Refused:
    if t < 0.0:
        return Refused(reasons.TIME_BEFORE_1970, f"occurred_at {quoted(said)} lies before 1970.")
    hint = "; it looks like milliseconds, give seconds" if isinstance(said, float) and t > _MILLISECONDS else ""
    return Refused(reasons.TIME_IN_FUTURE, f"occurred_at {quoted(said)} lies in the future{hint}.")
