"""The hot path of decoding, which turns records of an input topic into columns of validated events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from . import placeholders, reasons
from .clocks import out_of_time, read_times
from .context import DEFAULT_CONTEXT_TRAITS, traits_of, within_bounds
from .events import FREQUENT
from .moments import seconds_of
from .money import Money
from .placeholders import Placeholders
from .reader import EventReader
from .reasons import Refused, quoted

MAX_VALUE_BYTES: Final = 256 * 1024

_ORDER_TIMES: Final = ("order_at", "updated_at")


@dataclass(frozen=True, slots=True, order=True)
class Rejected:
    """A record that is not an event: its position in the batch, a code from `reasons`, and a sentence."""

    index: int
    reason: str
    detail: str


@dataclass(slots=True)
class Decoded:
    """The valid events of a batch as aligned columns, in record order, and the rejected records.

    `indices` are positions in the batch. `times` are epoch seconds. `amounts` are minor units of the base currency, for
    purchases only, else empty. A cancellation without an amount has 0, a refund without one has `ALL_THAT_IS_LEFT`. An
    event that sets traits has them under `traits`. `traits_dropped` counts the traits beyond the bounds.
    """

    indices: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    traits_dropped: int = 0

    def refuse(self, refused: Mapping[int, Refused]) -> None:
        """Move events, by position in the columns, to `rejected`."""
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
    """A decoder for records of one input topic ("purchases", "interactions" or "profiles").

    `currency` and `rates` are the arguments of `money.Money`. `future_slack_s` is how far after its record's timestamp
    and after now an event may claim to happen. `ids` are the placeholder ids. `context_traits` are the traits to take
    from an event's context. NaN and Infinity, which are not standard JSON, are read as numbers. They are refused as
    bad_amount or bad_time wherever the contract asks for a number, and are harmless in free properties. Raises
    ValueError for an unknown topic, currency or rate.
    """

    def __init__(
        self,
        topic: str,
        *,
        currency: str = "USD",
        rates: Mapping[str, float] | None = None,
        future_slack_s: float = 300.0,
        ids: Placeholders = placeholders.DEFAULT,
        context_traits: Sequence[str] = DEFAULT_CONTEXT_TRAITS,
    ) -> None:
        if topic not in FREQUENT:
            raise ValueError(f"{topic!r} is not one of the input topics {', '.join(FREQUENT)}")
        self._topic = topic
        self._ids = ids
        self._reader = EventReader(topic, ids)
        self._money = Money(currency, rates or {}) if topic == "purchases" else None
        self._future_slack_s = future_slack_s
        self._context_traits = tuple(context_traits)

    def decode(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        now_s: float,
        written_ms: Sequence[int] | None = None,
    ) -> Decoded:
        """Return the events of records with these values and keys, and the rejected records.

        `now_s` is wall time, epoch seconds. `written_ms` are the broker's timestamps of the records. 0 or less means
        that a record has no timestamp, None that no record has one. Never raises because of a record's content. A
        record that is not an event is rejected with a reason and does not affect the other records.
        """
        decoded = Decoded(indices=list(range(len(values))))
        read = self._reader.read(_readable(values, decoded))
        decoded.events = read.events
        decoded.refuse(read.refused | self._read_traits(decoded, read.precise))
        self._check_customers(decoded, keys)
        self._check_orders(decoded)
        self._read_times(decoded, now_s, written_ms)
        self._read_amounts(decoded)
        decoded.rejected.sort()
        return decoded

    def _read_traits(self, decoded: Decoded, precise: Sequence[int]) -> dict[int, Refused]:
        """Put the traits that each event sets under `traits` and return the refused events by position.

        All profile events can have traits. Other events get them from a context or an answer. An event with either is
        never in the frequent form, so only the `precise` positions are checked.
        """
        refused: dict[int, Refused] = {}
        for at in range(len(decoded.events)) if self._topic == "profiles" else precise:
            event = decoded.events[at]
            if event is None:
                continue
            try:
                traits = traits_of(event, self._context_traits)
            except Refused as why:
                refused[at] = Refused(why.reason, why.detail)
                continue
            kept = within_bounds(traits)
            decoded.traits_dropped += len(traits) - len(kept)
            if kept:
                event["traits"] = kept
        return refused

    def _check_customers(self, decoded: Decoded, keys: Sequence[bytes | None]) -> None:
        owners = [event["customer_id"] for event in decoded.events]
        if self._ids.among(owners):
            decoded.refuse({at: _no_customer(owner) for at, owner in enumerate(owners) if owner in self._ids})
            owners = [event["customer_id"] for event in decoded.events]
        if owners:
            decoded.refuse(_wrong_keys(owners, _at(keys, decoded.indices)))

    def _check_orders(self, decoded: Decoded) -> None:
        if self._topic == "purchases":
            orders = [event["order_id"] for event in decoded.events]
            if self._ids.among(orders):
                decoded.refuse({at: _no_order(order) for at, order in enumerate(orders) if order in self._ids})

    def _read_times(self, decoded: Decoded, now_s: float, written_ms: Sequence[int] | None) -> None:
        moments = [event["occurred_at"] for event in decoded.events]
        if not moments:
            return
        written = None if written_ms is None else _at(written_ms, decoded.indices)
        decoded.times, refused = read_times(moments)
        refused |= out_of_time(moments, decoded.times, now_s, self._future_slack_s, written)
        decoded.refuse(refused)
        if self._topic == "purchases":
            _read_order_times(decoded.events)

    def _read_amounts(self, decoded: Decoded) -> None:
        if self._money is not None and decoded.events:
            decoded.amounts, refused = self._money.minor_units(decoded.events)
            decoded.refuse(refused)


def _read_order_times(events: Sequence[dict[str, Any]]) -> None:
    """Convert the further times of events about orders to epoch seconds. Validation has accepted them."""
    for event in events:
        for name in _ORDER_TIMES:
            moment = event.get(name)
            if moment is not None:
                event[name] = seconds_of(moment) if isinstance(moment, str) else float(moment)


def _at(column: Sequence[Any], indices: Sequence[int]) -> Sequence[Any]:
    """Return the values of a batch column at the positions that are left."""
    if len(column) == len(indices):
        return column
    first, last = indices[0], indices[-1]
    return column[first : last + 1] if last - first + 1 == len(indices) else [column[index] for index in indices]


def _no_customer(owner: str) -> Refused:
    detail = f"customer_id {quoted(owner)} is a placeholder, not a customer (see the setting PLACEHOLDER_IDS)."
    return Refused(reasons.PLACEHOLDER_ID, detail)


def _no_order(order: str) -> Refused:
    detail = f"order_id is missing: {quoted(order)} is a placeholder (see the setting PLACEHOLDER_IDS)."
    return Refused(reasons.MISSING_FIELD, detail)


def _readable(values: Sequence[bytes | None], decoded: Decoded) -> list[bytes]:
    """Return the values that can be parsed. Reject null and oversized values."""
    try:
        if max(map(len, values), default=0) <= MAX_VALUE_BYTES:  # type: ignore[arg-type]
            return list(values)  # type: ignore[arg-type]
    except TypeError:
        pass  # at least one value is null
    refused: dict[int, Refused] = {}
    for at, value in enumerate(values):
        if value is None:
            refused[at] = Refused(reasons.NULL_VALUE, "The record has no value. Send an event or nothing.")
        elif len(value) > MAX_VALUE_BYTES:
            detail = f"The value has {len(value):,} bytes. At most {MAX_VALUE_BYTES:,} are read."
            refused[at] = Refused(reasons.TOO_LARGE, detail)
    decoded.refuse(refused)
    return [value for at, value in enumerate(values) if value is not None and at not in refused]


def _wrong_keys(owners: list[str], keys: Sequence[bytes | None]) -> dict[int, Refused]:
    """Return a refusal, by position, for each record whose key is not the customer id."""
    refused: dict[int, Refused] = {}
    if _all_equal(owners, keys):
        return refused
    for at, (owner, key) in enumerate(zip(owners, keys, strict=True)):
        if key is None:
            refused[at] = Refused(reasons.MISSING_KEY, f"The record has no key. Its key must be {quoted(owner)}.")
        elif key != owner.encode():
            wrong = quoted(key.decode(errors="backslashreplace"))
            hint = " Write keys as plain text, not as JSON." if key == f'"{owner}"'.encode() else ""
            refused[at] = Refused(
                reasons.KEY_MISMATCH, f"The key is {wrong}, but the customer_id is {quoted(owner)}.{hint}"
            )
    return refused


def _all_equal(owners: list[str], keys: Sequence[bytes | None]) -> bool:
    """Return whether every key is its owner in UTF-8. If ids hold newlines, False may also mean unknown."""
    try:
        joined = b"\n".join(keys)  # type: ignore[arg-type]
    except TypeError:
        return False
    return "\n".join(owners).encode() == joined and joined.count(b"\n") == len(keys) - 1
