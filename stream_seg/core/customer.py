"""A customer's record: behaviour, the segment held, and the bytes that both are at rest.

Layout (format 1, little-endian): the fixed part `LAYOUT`, then the bits of purchase days, the fingerprints of
recent events, the ring of orders, and the traits. The fixed part of many records is one numpy array, so that
features of thousands of customers are computed without unpacking one of them.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from math import inf
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stream_seg.errors import BadRecord

from .events.recent_ids import FINGERPRINT_BYTES, ORDER_ENTRY
from .events.taxonomy import SUMS, TOPICS

FORMAT: Final = 1
NO_SEGMENT: Final = -1

_FIELDS: Final = (
    ("format", "u1", "B"),
    ("offsets", f"({len(TOPICS)},)<i8", f"{len(TOPICS)}q"),
    ("life", "<u8", "Q"),
    ("sequence", "<u4", "I"),
    ("segment", "i1", "b"),
    ("model_version", "<u4", "I"),
    ("since", "<f8", "d"),
    ("as_of", "<f8", "d"),
    ("purchases", "<i4", "i"),
    ("spend", "<i8", "q"),
    ("refunds", "<u4", "I"),
    ("refunded", "<i8", "q"),
    ("interactions", "<u4", "I"),
    ("first_seen", "<f8", "d"),
    ("last_seen", "<f8", "d"),
    ("first_purchase", "<f8", "d"),
    ("last_purchase", "<f8", "d"),
    ("purchase_days", "<u2", "H"),
    ("day_bytes", "u1", "B"),
    ("recent_count", "u1", "B"),
    ("order_count", "u1", "B"),
    ("sums", f"({SUMS},)<f8", f"{8 * SUMS}s"),
)
LAYOUT: Final = Struct("<" + "".join(code for _, _, code in _FIELDS))
DTYPE: Final = np.dtype([(name, kind) for name, kind, _ in _FIELDS])

if sys.byteorder != "little":
    raise ImportError("records hold numbers as little-endian machines do; stream_seg does not run on this one")

Columns = npt.NDArray[Any]
Cause = tuple[str, str]  # id and type of an event


class Customer:
    """One record as an object: for people who look at one, for examples and tests. Groups are a `CustomerBatch`.

    Money is in minor units, times are epoch seconds, `inf` (firsts) and `-inf` (lasts) while nothing has set them.
    `life` is the epoch in which the record was born, `sequence` counts its changes, `as_of` is the time of the
    last evaluation, `model_version` the model that named the segment held. `cause` is the last event absorbed since
    the record was opened; it is not kept.
    """

    __slots__ = (
        "as_of",
        "cause",
        "day_bits",
        "days_before",
        "first_purchase",
        "first_seen",
        "interactions",
        "last_purchase",
        "last_seen",
        "life",
        "model_version",
        "offsets",
        "orders",
        "purchases",
        "recent",
        "refunded",
        "refunds",
        "segment",
        "sequence",
        "since",
        "spend",
        "sums",
        "traits",
    )

    def __init__(self, life: int) -> None:
        self.offsets = [-1] * len(TOPICS)  # last offset absorbed, by topic
        self.life = life
        self.sequence = 0
        self.segment = NO_SEGMENT
        self.model_version = 0
        self.since = 0.0
        self.as_of = 0.0
        self.purchases = 0  # orders completed, less those cancelled
        self.spend = 0  # minor units, less what was taken back
        self.refunds = 0  # refund events
        self.refunded = 0  # minor units taken back by refunds and cancellations
        self.interactions = 0
        self.first_seen = inf
        self.last_seen = -inf
        self.first_purchase = inf
        self.last_purchase = -inf
        self.days_before = 0  # distinct purchase days older than the window
        self.day_bits = 0  # bit i: a purchase i days before the day of the last one (UTC)
        self.sums = array("d", bytes(8 * SUMS))
        self.recent = b""  # fingerprints of the last event ids, oldest first
        self.orders = b""  # ORDER_ENTRY of the last orders, oldest first
        self.traits = b""  # JSON, see traits.py
        self.cause: Cause | None = None

    @property
    def purchase_days(self) -> int:
        """Distinct UTC days with at least one order."""
        return self.days_before + self.day_bits.bit_count()

    def pack(self) -> bytes:
        """The record at rest."""
        days = day_bytes(self.day_bits)
        return b"".join(
            (
                LAYOUT.pack(
                    FORMAT,
                    *self.offsets,
                    self.life,
                    self.sequence,
                    self.segment,
                    self.model_version,
                    self.since,
                    self.as_of,
                    self.purchases,
                    self.spend,
                    self.refunds,
                    self.refunded,
                    self.interactions,
                    self.first_seen,
                    self.last_seen,
                    self.first_purchase,
                    self.last_purchase,
                    self.purchase_days,
                    len(days),
                    len(self.recent) // FINGERPRINT_BYTES,
                    len(self.orders) // ORDER_ENTRY.size,
                    self.sums.tobytes(),
                ),
                days,
                self.recent,
                self.orders,
                self.traits,
            )
        )

    @classmethod
    def unpack(cls, data: bytes) -> Customer:
        """A record from its bytes; raises BadRecord when they are not one."""
        self = cls.__new__(cls)
        self.load(data)
        return self

    def load(self, data: bytes) -> None:
        """Become what a record says; raises BadRecord when the bytes are not one."""
        check_format(data)
        head = LAYOUT.unpack_from(data)
        self.offsets = list(head[1:4])
        (
            self.life,
            self.sequence,
            self.segment,
            self.model_version,
            self.since,
            self.as_of,
            self.purchases,
            self.spend,
            self.refunds,
            self.refunded,
            self.interactions,
            self.first_seen,
            self.last_seen,
            self.first_purchase,
            self.last_purchase,
            purchase_days,
            days,
            recent_count,
            order_count,
            sums,
        ) = head[4:]
        self.sums = array("d", sums)
        start = LAYOUT.size
        recent = start + days
        orders = recent + recent_count * FINGERPRINT_BYTES
        traits = orders + order_count * ORDER_ENTRY.size
        if traits > len(data):
            raise BadRecord(f"a customer record of {len(data)} bytes says it has {traits}; it is cut off")
        self.day_bits = int.from_bytes(data[start:recent], "little")
        self.days_before = purchase_days - self.day_bits.bit_count()
        self.recent = data[recent:orders]
        self.orders = data[orders:traits]
        self.traits = data[traits:]
        self.cause = None


def day_bytes(bits: int) -> bytes:
    """The bits of purchase days, as a record holds them."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def check_format(data: bytes) -> None:
    """Raise BadRecord unless `data` begins like a record of this format."""
    if len(data) < LAYOUT.size:
        raise BadRecord(f"a customer record has at least {LAYOUT.size} bytes, this one has {len(data)}")
    if data[0] != FORMAT:
        raise BadRecord(f"customer record of format {data[0]}; this version reads format {FORMAT}: upgrade stream_seg")


def columns(records: Sequence[bytes]) -> Columns:
    """The fixed parts of records as one structured array (n,), fields named as in `LAYOUT`; read-only."""
    size = LAYOUT.size
    return np.frombuffer(b"".join([record[:size] for record in records]), dtype=DTYPE)
