"""What the changelog topic holds: customer records with their pending changes, and partition headers.

A value begins with a format number. An entry (format 1) is epoch, group, the length of the record, the record
(`core.record`), then the outbox: the segment changes that this write decided, as they go to the topic. A header
is JSON under a reserved key, the last record of every group.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from struct import Struct, error
from typing import Any, Final, NamedTuple

import orjson

from stream_seg.errors import BadChangelog

FORMAT: Final = 1
# Not UTF-8, so no customer id can be this key.
HEADER_KEY: Final = b"\xffheader"
# Of epochs (milliseconds since 1970) and groups: Redis compares them as doubles.
MAX_NUMBER: Final = 2**53

_ENTRY: Final = Struct("<BQQI")
_LENGTH: Final = Struct("<I")


class Entry(NamedTuple):
    """A customer's record as written by `group` of the owner of `epoch`, with the changes it decided.

    `outbox` holds the values of the changes as they go to their topic; keys and headers follow from them.
    """

    epoch: int
    group: int
    record: bytes
    outbox: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """State of a partition as a whole.

    `confirmed` is the last group whose changes are acknowledged by the topic, `clock` the stream clock (epoch
    seconds), `inputs` the highest offset absorbed by input topic, `model_version` the model that customers were
    evaluated with, `half_life_s` what sums decay by. `customers`: as many at least must be found before the header.
    """

    epoch: int
    group: int
    confirmed: int
    clock: float
    model_version: int
    half_life_s: float
    inputs: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)  # largest occurred_at by input topic
    customers: int = 0


_HEADER_FIELDS: Final = tuple(each.name for each in fields(Header))


def pack_entry(epoch: int, group: int, record: bytes, outbox: tuple[bytes, ...] = ()) -> bytes:
    """Bytes of an entry."""
    packed = _ENTRY.pack(FORMAT, epoch, group, len(record)) + record
    for change in outbox:
        packed += _LENGTH.pack(len(change)) + change
    return packed


def unpack_entry(value: bytes) -> Entry:
    """An entry from its bytes; raises BadChangelog."""
    try:
        number, epoch, group, length = _ENTRY.unpack_from(value)
        if number != FORMAT:
            raise BadChangelog(f"changelog entry of format {number}; this version reads {FORMAT}: upgrade stream_seg")
        if max(epoch, group) > MAX_NUMBER:
            raise BadChangelog("changelog entry whose epoch or group cannot be: it is damaged")
        start = _ENTRY.size
        record = value[start : start + length]
        if len(record) != length:
            raise BadChangelog("changelog entry is cut off")
        return Entry(epoch, group, record, _unpack_outbox(value, start + length))
    except (error, IndexError, orjson.JSONDecodeError) as reason:
        raise BadChangelog(f"changelog entry of {len(value)} bytes cannot be read: {reason}") from None


def pack_header(header: Header) -> bytes:
    """Bytes of a header."""
    return orjson.dumps({"format": FORMAT, **{name: getattr(header, name) for name in _HEADER_FIELDS}})


def unpack_header(value: bytes) -> Header:
    """A header from its bytes; raises BadChangelog."""
    try:
        said: dict[str, Any] = orjson.loads(value)
        number = said.pop("format")
        if number != FORMAT:
            raise BadChangelog(f"partition header of format {number}; this version reads {FORMAT}: upgrade stream_seg")
        return _checked(Header(**said))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as reason:
        raise BadChangelog(f"partition header cannot be read: {reason!r}") from None


def check_key(key: bytes | None) -> None:
    """Raise BadChangelog unless `key` can be a customer id."""
    try:
        if key is not None:
            key.decode()
            return
    except UnicodeDecodeError:
        pass
    raise BadChangelog("a changelog record whose key is no customer id: not written by stream_seg")


def _checked(header: Header) -> Header:
    """The header, if every field has its type; raises TypeError."""
    whole = (header.epoch, header.group, header.confirmed, header.model_version, header.customers)
    numbers = (*whole, *header.inputs.values())
    times = (header.clock, header.half_life_s, *header.times.values())
    if not all(type(number) is int and number <= MAX_NUMBER for number in numbers) or not all(
        type(t) in (float, int) for t in times
    ):
        raise TypeError("a field has another type, or is larger, than it can be")
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
