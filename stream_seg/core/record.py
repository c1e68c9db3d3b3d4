"""The layout of a customer's record in format 1: one table of its fields, and all that is derived from the table.

A record is packed little-endian bytes, the same in memory and in the changelog. It starts with the fixed part, which is
the attributes of `FixedPart` in their order. The tail follows: the bits of purchase days, the fingerprints of recent
events, the remembered orders, and the traits as JSON. The fixed parts of many records form one numpy array, so features
of thousands of customers are computed without unpacking each record.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from math import inf, prod
from operator import itemgetter
from struct import Struct
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.errors import BadRecord

from .events.recent_ids import FINGERPRINT_BYTES, ORDER_ENTRY
from .events.taxonomy import SUMS, TOPICS

FORMAT: Final = 1
NO_SEGMENT: Final = -1

if sys.byteorder != "little":
    raise ImportError("stream_seg runs on little-endian machines only, because records are little-endian")

Columns = npt.NDArray[Any]

_STRUCT_CODES: Final = {
    "u1": "B", "i1": "b", "u2": "H", "u4": "I", "i4": "i", "u8": "Q", "i8": "q", "f8": "d",
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


class Field:
    """One field of the fixed part of a record.

    `kind` is the numpy type of a number and `shape` that of the field, `()` for a single number. `new` is the value for
    a new customer, for each number of a vector. `valid` bounds the value, or the total of a vector. A `CustomerBatch`
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


class FixedPart:
    """The fixed part of a record: the table of its fields, in the order of the bytes.

    Money is in minor units and times are epoch seconds. An instance starts as a new customer.
    """

    format: int = _field("u1", "number of the layout", new=FORMAT, copied=False)
    offsets: list[int] = _field("i8", "the fence: last offset absorbed, per input topic", shape=(len(TOPICS),), new=-1)
    life: int = _field("u8", "epoch in which the record was created")
    sequence: int = _field("u4", "number of the last change", valid=Range(0, 2**31 - 1))
    segment: int = _field("i1", "number of the current segment, -1 for none", new=NO_SEGMENT, valid=Range(NO_SEGMENT))
    model_version: int = _field("u4", "version of the model that named the current segment")
    since: float = _field("f8", "time at which the customer entered the current segment", valid=_TIME)
    as_of: float = _field("f8", "time of the last evaluation", valid=_LAST_TIME)
    purchases: int = _field("i4", "completed orders, without cancelled ones", copied=False)
    spend: int = _field("i8", "money spent, without money taken back", copied=False)
    refunds: int = _field("u4", "refund events", copied=False)
    refunded: int = _field("i8", "money taken back by refunds and cancellations", copied=False)
    interactions: int = _field("u4", "interaction events", copied=False)
    first_seen: float = _field("f8", "time of the first event, inf without one", new=inf, valid=_FIRST_TIME)
    last_seen: float = _field("f8", "time of the last event, -inf without one", new=-inf, valid=_LAST_TIME)
    first_purchase: float = _field("f8", "time of the first order, inf without one", new=inf, valid=_FIRST_TIME)
    last_purchase: float = _field("f8", "time of the last order, -inf without one", new=-inf, valid=_LAST_TIME)
    purchase_days: int = _field("u2", "distinct UTC days with an order")
    day_bytes: int = _field("u1", "bytes of purchase days in the tail", copied=False)
    recent_count: int = _field("u1", "fingerprints of events in the tail", copied=False)
    order_count: int = _field("u1", "orders in the tail", copied=False)
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
_ORDER_BYTES: Final = ORDER_ENTRY.size
# Where the struct's tuple has the lengths of the tail, and the fields that have a valid range.
_lengths: Final = itemgetter(*map(_NAMES.index, ("day_bytes", "recent_count", "order_count")))
_BOUNDED: Final = tuple(
    (at, field.name, *field.valid) for at, field in enumerate(FIELDS) if field.valid and not field.shape
)
_BOUNDED_TOTALS: Final = tuple(
    (at, field.name, *field.valid) for at, field in enumerate(FIELDS) if field.valid and field.shape
)


def unpack_fixed(record: bytes) -> dict[str, Any]:
    """Return the values of the fixed part by name, vectors as lists. Raise BadRecord unless the layout fits."""
    values, _ = _unpack(record)
    fields = dict(zip(_NAMES, values, strict=True))
    for name, code in _VECTORS.items():
        fields[name] = array(code, fields[name]).tolist()
    return fields


def pack_fixed(fields: Mapping[str, Any]) -> bytes:
    """Return the bytes of the fixed part from its values by name."""
    vectors = {name: array(code, fields[name]).tobytes() for name, code in _VECTORS.items()}
    return LAYOUT.pack(*(vectors[name] if name in vectors else fields[name] for name in _NAMES))


def tail_offsets(day_bytes: Any, recent_count: Any, order_count: Any) -> tuple[Any, Any, Any]:
    """Return where recent events, orders and traits start in a record, from the lengths that it declares.

    Purchase days start at `LAYOUT.size`. The lengths are numbers, or arrays (n,) for n records.
    """
    recent = _SIZE + day_bytes
    orders = recent + recent_count * FINGERPRINT_BYTES
    return recent, orders, orders + order_count * _ORDER_BYTES


def columns(records: Sequence[bytes]) -> Columns:
    """Return the fixed parts of records as one read-only structured array (n,), with the fields of `FixedPart`."""
    size = _SIZE
    return np.frombuffer(b"".join([record[:size] for record in records]), dtype=DTYPE)


def validate(record: bytes) -> None:
    """Raise BadRecord unless `record`, read from outside, is safe for all code that reads records.

    The bytes may be damaged or forged. The layout must fit, every field must be in its valid range, and the traits must
    have the form that `traits.merge` writes. Recovery calls this once per changelog entry. It takes about two
    microseconds.
    """
    values, traits = _unpack(record)
    for at, name, low, high in _BOUNDED:
        if not low <= values[at] <= high:
            raise BadRecord(f"a customer record is damaged: {name} is {values[at]:g}, not between {low:g} and {high:g}")
    for at, name, low, high in _BOUNDED_TOTALS:
        if not low <= sum(array(_VECTORS[name], values[at])) <= high:
            raise BadRecord(f"a customer record is damaged: the total of its {name} is not finite")
    if traits < len(record) and not _are_traits(record[traits:]):
        raise BadRecord("a customer record is damaged: its traits cannot be read")


def _unpack(record: bytes) -> tuple[tuple[Any, ...], int]:
    """Return the numbers of the fixed part and where traits start. Raise BadRecord unless the layout fits."""
    if len(record) < _SIZE:
        raise BadRecord(f"a customer record has at least {_SIZE} bytes, this one has {len(record)}")
    if record[0] != FORMAT:
        raise BadRecord(
            f"customer record of format {record[0]}; this version reads format {FORMAT}: upgrade stream_seg"
        )
    values = LAYOUT.unpack_from(record)
    _, _, traits = tail_offsets(*_lengths(values))
    if traits > len(record):
        raise BadRecord(f"a customer record is cut off: it declares {traits} bytes and has {len(record)}")
    return values, traits


def _are_traits(tail: bytes) -> bool:
    """Return whether the bytes are traits as `traits.merge` writes them."""
    try:
        traits = json.loads(tail)
    except (ValueError, RecursionError):
        return False
    return isinstance(traits, dict) and all(map(_is_trait, traits.values()))


def _is_trait(trait: Any) -> bool:
    if not isinstance(trait, list) or len(trait) != 3:
        return False
    value, t, event_id = trait
    scalar = value is None or isinstance(value, str | int | float)
    return scalar and isinstance(t, float | int) and -inf < t < inf and isinstance(event_id, str)
