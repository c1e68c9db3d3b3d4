"""The records of the changelog topic: customer records with their pending changes, and partition headers.

A value begins with a format number. An entry (format 2) is epoch, group, the length of the record, the record
(`core.record`), then the outbox: the segment changes that this write decided, as they go to the topic. A header
is JSON under a reserved key, and is the last record of every group. The name of a category is under a reserved key with
its id, and comes before the first record that refers to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from struct import Struct, error
from typing import Any, Final, NamedTuple

import orjson

from stream_seg.core.events.categories import MAX_NAME_BYTES
from stream_seg.errors import BadChangelog

FORMAT: Final = 2
# Not UTF-8, so it can never be a customer id.
HEADER_KEY: Final = b"\xffheader"
_CATEGORY_PREFIX: Final = b"\xffcategory"
_CATEGORY: Final = Struct(f"<{len(_CATEGORY_PREFIX)}sI")
# Limit of epochs (milliseconds since 1970) and groups, because Redis compares them as doubles.
MAX_NUMBER: Final = 2**53

_REPLAY: Final = "Replay with a new APP_ID (docs/guides/upgrade.md)"
_ENTRY: Final = Struct("<BQQI")
_LENGTH: Final = Struct("<I")


class Entry(NamedTuple):
    """A customer's record as written by `group` of the owner of `epoch`, with the changes that it decided.

    `outbox` has the values of the changes as they go to their topic. Keys and headers follow from them.
    """

    epoch: int
    group: int
    record: bytes
    outbox: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The state of a whole partition.

    `confirmed` is the last group whose changes the topic has acknowledged. `clock` is the stream clock in epoch
    seconds. `inputs` is the highest absorbed offset by input topic. `versions` are those of the models and definitions
    with which all customers were evaluated, by dimension. `half_life_s` is the half-life of decaying sums. The
    changelog before the header has at least `customers` customers.
    """

    epoch: int
    group: int
    confirmed: int
    clock: float
    half_life_s: float
    versions: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)  # largest occurred_at by input topic
    customers: int = 0
    marked_epoch: int = 0  # the epoch of `group`, which its mark in Redis has, 0 before the first group


_HEADER_FIELDS: Final = tuple(each.name for each in fields(Header))


def pack_entry(epoch: int, group: int, record: bytes, outbox: tuple[bytes, ...] = ()) -> bytes:
    """Return the bytes of an entry."""
    packed = _ENTRY.pack(FORMAT, epoch, group, len(record)) + record
    for change in outbox:
        packed += _LENGTH.pack(len(change)) + change
    return packed


def unpack_entry(value: bytes) -> Entry:
    """Return an entry from its bytes. Raises BadChangelog."""
    try:
        format_number, epoch, group, length = _ENTRY.unpack_from(value)
        if format_number != FORMAT:
            raise BadChangelog(f"changelog entry of format {format_number}, but this version reads {FORMAT}. {_REPLAY}")
        if max(epoch, group) > MAX_NUMBER:
            raise BadChangelog("changelog entry with an impossible epoch or group: it is damaged")
        start = _ENTRY.size
        record = value[start : start + length]
        if len(record) != length:
            raise BadChangelog("changelog entry is cut off")
        return Entry(epoch, group, record, _unpack_outbox(value, start + length))
    except (error, IndexError, orjson.JSONDecodeError) as reason:
        raise BadChangelog(f"changelog entry of {len(value)} bytes cannot be read: {reason}") from None


def pack_header(header: Header) -> bytes:
    """Return the bytes of a header."""
    return orjson.dumps({"format": FORMAT, **{name: getattr(header, name) for name in _HEADER_FIELDS}})


def unpack_header(value: bytes) -> Header:
    """Return a header from its bytes. Raises BadChangelog."""
    try:
        values: dict[str, Any] = orjson.loads(value)
        format_number = values.pop("format")
        if format_number != FORMAT:
            raise BadChangelog(
                f"partition header of format {format_number}, but this version reads {FORMAT}. {_REPLAY}"
            )
        return _checked(Header(**values))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as reason:
        raise BadChangelog(f"partition header cannot be read: {reason!r}") from None


def category_key(number: int) -> bytes:
    """Return the reserved key of a category's name."""
    return _CATEGORY.pack(_CATEGORY_PREFIX, number)


def category_of(key: bytes | None) -> int | None:
    """Return the category whose name is under a key, or None."""
    if key is None or len(key) != _CATEGORY.size or not key.startswith(_CATEGORY_PREFIX):
        return None
    number: int = _CATEGORY.unpack(key)[1]
    return number


def unpack_category(value: bytes) -> str:
    """Return the name of a category from its bytes. Raises BadChangelog."""
    try:
        if len(value) <= MAX_NAME_BYTES:
            return value.decode()
    except UnicodeDecodeError:
        pass
    raise BadChangelog("the changelog has a name of a category that stream_seg did not write")


def check_key(key: bytes | None) -> None:
    """Raise BadChangelog unless `key` can be a customer id."""
    try:
        if key is not None:
            key.decode()
            return
    except UnicodeDecodeError:
        pass
    raise BadChangelog("a changelog record has a key that is not a customer id, so stream_seg did not write it")


def _checked(header: Header) -> Header:
    """Return the header if every field has its type and range. Raises TypeError."""
    counts = (header.epoch, header.group, header.confirmed, header.customers, header.marked_epoch)
    integers = (*counts, *header.versions.values(), *header.inputs.values())
    times = (header.clock, header.half_life_s, *header.times.values())
    if not all(type(value) is int and value <= MAX_NUMBER for value in integers) or not all(
        type(value) in (float, int) for value in times
    ):
        raise TypeError("a field has a wrong type or is too large")
    return header


def _unpack_outbox(value: bytes, at: int) -> tuple[bytes, ...]:
    changes = []
    while at < len(value):
        (length,) = _LENGTH.unpack_from(value, at)
        at += _LENGTH.size
        if at + length > len(value):
            raise BadChangelog("changelog entry is cut off in its pending changes")
        changes.append(value[at : at + length])
        at += length
    return tuple(changes)
