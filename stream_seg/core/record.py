"""The layout of a customer's record in format 2: one table of its fields, and all that is derived from the table.

A record is packed little-endian bytes, the same in memory and in the changelog. It starts with the fixed part, which is
the attributes of `FixedPart` in their order. The sections of the tail follow, in the order of `TAIL`. The fixed parts
of many records form one numpy array, so features of thousands of customers are computed without unpacking each record.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import inf, prod
from struct import Struct
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.errors import BadRecord

from .events import traits
from .events.categories import CATEGORY_BYTES
from .events.order_entries import ORDER_ENTRY, REFUND_ENTRY, STATEMENT_ENTRY
from .events.order_tiles import TILE_BYTES
from .events.recent_ids import FINGERPRINT_BYTES
from .events.taxonomy import SUMS
from .feature_names import FEATURES

FORMAT: Final = 2
NO_SEGMENT: Final = -1

# Dimensions whose current segment is in the fixed part, by their position there.
DIMENSIONS: Final = ("behavior", "lifecycle", "value", "clv")

# Input topics that have a fence. The last two are spare.
FENCES: Final = 5

if sys.byteorder != "little":
    raise ImportError("stream_seg runs on little-endian machines only, because records are little-endian")

Columns = npt.NDArray[Any]

_STRUCT_CODES: Final = {
    "u1": "B", "i2": "h", "u2": "H", "u4": "I", "i4": "i", "u8": "Q", "i8": "q", "f4": "f", "f8": "d",
}  # fmt: skip
_LATEST: Final = 253_402_300_799.0  # the end of the year 9999, epoch seconds


class Range(NamedTuple):
    """The valid values of a field, both ends included. NaN is in no range."""

    low: float = -inf
    high: float = inf


_TIME: Final = Range(0.0, _LATEST)
_FIRST_TIME: Final = Range(low=0.0)  # inf until the first event
_LAST_TIME: Final = Range(high=_LATEST)  # -inf until the first event
_FINITE: Final = Range(-sys.float_info.max, sys.float_info.max)


class Section(NamedTuple):
    """One section of the tail: entries of `width` bytes, or of any number of bytes."""

    name: str
    width: int
    meaning: str


# The last section has no length, because it ends with the record.
TAIL: Final = (
    Section("days", 1, "purchase days as bits: bit i is the day i days before that of the last order"),
    Section("recent", FINGERPRINT_BYTES, "fingerprints of the last event ids, oldest first"),
    Section("orders", ORDER_ENTRY.size, "remembered orders, and refunds that wait for their order, by time"),
    Section("statements", STATEMENT_ENTRY.size, "latest statement and refunds of remembered orders that have any"),
    Section("refund_ids", REFUND_ENTRY.size, "fingerprints of the refund ids of remembered orders"),
    Section("tiles", TILE_BYTES, "count and money of older orders, per day and per week"),
    Section("categories", CATEGORY_BYTES, "weight and units of the heaviest categories, by id"),
    Section("interaction_tiles", 7, "reserved: interactions per hour and per day (period u4, kind u1, count u2)"),
    Section("memberships", 20, "reserved: rules that the customer matches (rule u4, since f8, until f8)"),
    Section("traits", 1, "JSON, see traits.py"),
)
SECTIONS: Final = tuple(section.name for section in TAIL)


class Field:
    """One field of the fixed part of a record.

    `kind` is the numpy type of a number and `shape` that of the field, `()` for a single number. `new` is the value for
    a new customer, for each number of a vector. `valid` bounds the value, or each number of a vector. A `CustomerBatch`
    copies a field into a column and back unless `copied` is False. It then keeps the field in another form.
    """

    name: str

    def __init__(
        self,
        kind: str,
        meaning: str,
        *,
        shape: tuple[int, ...] = (),
        new: float = 0,
        valid: Range | None = None,
        copied: bool = True,
    ) -> None:
        self.kind = kind
        self.meaning = meaning
        self.shape = shape
        self.new = new
        self.valid = valid
        self.copied = copied

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def numbers(self) -> int:
        """The length of a vector, 1 for a single number."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """The bytes of the field."""
        return self.numbers * np.dtype(self.kind).itemsize


def _field(kind: str, meaning: str, **options: Any) -> Any:
    """Return a `Field` that type checkers take for the value that instances have."""
    return Field(kind, meaning, **options)


_EACH: Final = (len(DIMENSIONS),)


class FixedPart:
    """The fixed part of a record: the table of its fields, in the order of the bytes.

    Money is in minor units and times are epoch seconds. Vectors "per dimension" are in the order of `DIMENSIONS`. An
    instance starts as a new customer.
    """

    format: int = _field("u1", "number of the layout", new=FORMAT, copied=False)
    flags: int = _field("u2", "reserved: consent, and whether the customer was merged into another")
    offsets: list[int] = _field("i8", "the fence: last offset absorbed, per input topic", shape=(FENCES,), new=-1)
    life: int = _field("u8", "epoch in which the record was created")
    sequence: int = _field("u4", "number of the last change", valid=Range(0, 2**31 - 1))
    slots: list[int] = _field(
        "i2", "current segment per dimension, -1 for none", shape=_EACH, new=NO_SEGMENT, valid=Range(NO_SEGMENT)
    )
    versions: list[int] = _field("u4", "version of the model or definition that named it, per dimension", shape=_EACH)
    since: list[float] = _field("f8", "time of entry per dimension", shape=_EACH, valid=_TIME)
    until: list[float] = _field(
        "f8",
        "time at which the segment ends without further events, per dimension",
        shape=_EACH,
        new=inf,
        valid=_FIRST_TIME,
    )
    deadline: float = _field("f8", "the earliest `until`", new=inf, valid=_FIRST_TIME)
    as_of: float = _field("f8", "time of the last evaluation", valid=_LAST_TIME)
    pending_at: float = _field("f8", "reserved: time of the last event that is not evaluated yet", new=inf)
    before: list[float] = _field(
        "f4", "features at the last evaluation, in the order of `FEATURES`", shape=(len(FEATURES),), valid=_FINITE
    )
    purchases: int = _field("i4", "orders that count, which leaves out cancelled ones", copied=False)
    spend: int = _field("i8", "money spent, without money taken back", copied=False)
    refunds: int = _field("u4", "refund events", copied=False)
    refunded: int = _field("i8", "money taken back by refunds and cancellations", copied=False)
    coupon_orders: int = _field("u4", "orders that count and had a coupon or discount", copied=False)
    units: int = _field("i8", "goods ordered", copied=False)
    interactions: int = _field("u4", "interaction events", copied=False)
    ratings: int = _field("u4", "reviews and answers with a rating", copied=False)
    rating_sum: float = _field("f8", "the sum of these ratings", valid=_FINITE)
    campaign: int = _field("u4", "fingerprint of the last campaign received, 0 for none")
    campaign_at: float = _field("f8", "time at which it was received", valid=_LAST_TIME, new=-inf)
    visited_days: int = _field("u8", "days with an interaction: bit i is the day i days before that of `last_seen`")
    first_seen: float = _field("f8", "time of the first event, inf without one", new=inf, valid=_FIRST_TIME)
    last_seen: float = _field("f8", "time of the last event, -inf without one", new=-inf, valid=_LAST_TIME)
    first_purchase: float = _field("f8", "time of the first order, inf without one", new=inf, valid=_FIRST_TIME)
    last_purchase: float = _field("f8", "time of the last order, -inf without one", new=-inf, valid=_LAST_TIME)
    purchase_days: int = _field("u2", "distinct UTC days with an order")
    lengths: list[int] = _field("u2", "bytes of each section but the last", shape=(len(TAIL) - 1,), copied=False)
    sums: list[float] = _field("f8", "decayed sums, see taxonomy.py", shape=(SUMS,), valid=_FINITE, copied=False)

    def __init__(self) -> None:
        for field in FIELDS:
            setattr(self, field.name, [field.new] * field.numbers if field.shape else field.new)


FIELDS: Final = tuple(field for field in vars(FixedPart).values() if isinstance(field, Field))
COPIED: Final = tuple(field.name for field in FIELDS if field.copied)
_NAMES: Final = tuple(field.name for field in FIELDS)
# Item types of the vectors. To the struct a vector is one item, its bytes.
_VECTORS: Final = {field.name: _STRUCT_CODES[field.kind] for field in FIELDS if field.shape}
LAYOUT: Final = Struct(
    "<" + "".join(f"{field.size}s" if field.shape else _STRUCT_CODES[field.kind] for field in FIELDS)
)
DTYPE: Final = np.dtype([(field.name, "<" + field.kind, field.shape) for field in FIELDS])

_SIZE: Final = LAYOUT.size
_LENGTHS_AT: Final = _NAMES.index("lengths")
_WIDE: Final = tuple((at, section.name, section.width) for at, section in enumerate(TAIL[:-1]) if section.width > 1)
_BOUNDED: Final = tuple(
    (at, field.name, *field.valid) for at, field in enumerate(FIELDS) if field.valid and not field.shape
)
_BOUNDED_VECTORS: Final = tuple(
    (at, field.name, _VECTORS[field.name], *field.valid)
    for at, field in enumerate(FIELDS)
    if field.valid and field.shape
)


def unpack(record: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the fixed part by name, vectors as lists, and the sections of the tail, in the order of `TAIL`.

    Raises BadRecord unless the layout fits.
    """
    values, ends = _unpack(record)
    fields = dict(zip(_NAMES, values, strict=True))
    for name, code in _VECTORS.items():
        fields[name] = array(code, fields[name]).tolist()
    return fields, [record[start:end] for start, end in zip(ends, [*ends[1:], len(record)], strict=True)]


def pack(fields: Mapping[str, Any], sections: Sequence[bytes]) -> bytes:
    """Return the bytes of a record from its fixed part by name, and its sections in the order of `TAIL`."""
    fields = {**fields, "lengths": list(map(len, sections[:-1]))}
    vectors = {name: array(code, fields[name]).tobytes() for name, code in _VECTORS.items()}
    head = LAYOUT.pack(*(vectors[name] if name in vectors else fields[name] for name in _NAMES))
    return b"".join((head, *sections))


def columns(records: Sequence[bytes]) -> Columns:
    """Return the fixed parts of records as one read-only structured array (n,), with the fields of `FixedPart`."""
    size = _SIZE
    return np.frombuffer(b"".join([record[:size] for record in records]), dtype=DTYPE)


def section(records: Sequence[bytes], fixed: Columns, name: str) -> list[bytes]:
    """Return one section of the tail of each record (n,), but not the last. `fixed` are their `columns`."""
    at = SECTIONS.index(name)
    ends = _SIZE + fixed["lengths"][:, : at + 1].sum(axis=1, dtype=np.intp)
    starts = ends - fixed["lengths"][:, at]
    return [record[start:end] for record, start, end in zip(records, starts.tolist(), ends.tolist(), strict=True)]


def validate(record: bytes) -> None:
    """Raise BadRecord unless `record`, read from outside, is safe for all code that reads records.

    The bytes may be damaged or forged. The layout must fit, every field must be in its valid range, and the traits must
    have the form that `traits.merge` writes. Recovery calls this once per changelog entry. It takes about four
    microseconds.
    """
    values, ends = _unpack(record)
    for at, name, low, high in _BOUNDED:
        if not low <= values[at] <= high:
            raise BadRecord(f"a customer record is damaged: {name} is {values[at]:g}, not between {low:g} and {high:g}")
    for at, name, code, low, high in _BOUNDED_VECTORS:
        numbers = array(code, values[at])
        total = sum(numbers)
        if not (low <= min(numbers) and max(numbers) <= high and total == total):  # NaN differs from itself
            raise BadRecord(
                f"a customer record is damaged: {name} has a number that is not between {low:g} and {high:g}"
            )
    if ends[-1] < len(record) and not traits.are_valid(record[ends[-1] :]):
        raise BadRecord("a customer record is damaged: its traits cannot be read")


def _unpack(record: bytes) -> tuple[tuple[Any, ...], list[int]]:
    """Return the numbers of the fixed part and where the sections start. Raise BadRecord unless the layout fits."""
    if record[:1] != _FORMAT_BYTE:
        number = record[0] if record else "unknown"
        raise BadRecord(
            f"customer record of format {number}; this version reads format {FORMAT}: replay with a new APP_ID"
            " (docs/guides/upgrade.md)"
        )
    if len(record) < _SIZE:
        raise BadRecord(f"a customer record has at least {_SIZE} bytes, this one has {len(record)}")
    values = LAYOUT.unpack_from(record)
    lengths = array("H", values[_LENGTHS_AT])
    starts = list(accumulate(lengths, initial=_SIZE))
    if starts[-1] > len(record):
        raise BadRecord(f"a customer record is cut off: it declares {starts[-1]} bytes and has {len(record)}")
    for at, name, width in _WIDE:
        if lengths[at] % width:
            raise BadRecord(f"a customer record is damaged: {lengths[at]} bytes of {name}, not a multiple of {width}")
    return values, starts


_FORMAT_BYTE: Final = bytes((FORMAT,))
