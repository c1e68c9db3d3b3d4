"""A customer's record as an object, to look at one customer in examples, views and tests."""

from __future__ import annotations

from typing import Self

from .events.recent_ids import FINGERPRINT_BYTES, ORDER_ENTRY
from .record import LAYOUT, FixedPart, pack_fixed, tail_offsets, unpack_fixed

Cause = tuple[str, str]  # id and type of an event


class Customer(FixedPart):
    """One record as an object, with an attribute per field of the fixed part.

    Groups of customers are a `CustomerBatch`. `day_bits` has bit i set for a purchase i days before the UTC day of the
    last one. `recent` holds the fingerprints of the last event ids and `orders` an `ORDER_ENTRY` per remembered order,
    both oldest first. `traits` is JSON, see traits.py. `cause` is the last event absorbed since the record was opened.
    It is not stored.
    """

    def __init__(self, life: int) -> None:
        super().__init__()
        self.life = life
        self.day_bits = 0
        self.recent = b""
        self.orders = b""
        self.traits = b""
        self.cause: Cause | None = None

    @property
    def days_before(self) -> int:
        """The distinct purchase days older than the window of `day_bits`."""
        return self.purchase_days - self.day_bits.bit_count()

    def pack(self) -> bytes:
        """Return the record as stored bytes."""
        days = day_bytes(self.day_bits)
        self.day_bytes = len(days)
        self.recent_count = len(self.recent) // FINGERPRINT_BYTES
        self.order_count = len(self.orders) // ORDER_ENTRY.size
        return b"".join((pack_fixed(vars(self)), days, self.recent, self.orders, self.traits))

    @classmethod
    def unpack(cls, record: bytes) -> Self:
        """Return the customer of a record; raises BadRecord for other bytes."""
        self = cls.__new__(cls)
        self.load(record)
        return self

    def load(self, record: bytes) -> None:
        """Take over all values of a record; raises BadRecord for other bytes."""
        vars(self).update(unpack_fixed(record))
        recent, orders, traits = tail_offsets(self.day_bytes, self.recent_count, self.order_count)
        self.day_bits = int.from_bytes(record[LAYOUT.size : recent], "little")
        self.recent = record[recent:orders]
        self.orders = record[orders:traits]
        self.traits = record[traits:]
        self.cause = None


def day_bytes(bits: int) -> bytes:
    """Return the bits of purchase days as a record holds them."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
