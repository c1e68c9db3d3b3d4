"""A customer's record as an object, to look at one customer in examples, views and tests."""

from __future__ import annotations

from typing import Self

from .record import SECTIONS, FixedPart, pack, unpack

Cause = tuple[str, str]  # id and type of an event


class Customer(FixedPart):
    """One record as an object, with an attribute per field of the fixed part.

    Groups of customers are a `CustomerBatch`. The attributes named in `record.SECTIONS` hold the bytes of the sections
    of the tail. `cause` is the last event absorbed since the record was opened. It is not stored.
    """

    days: bytes
    recent: bytes
    orders: bytes
    statements: bytes
    refund_ids: bytes
    tiles: bytes
    categories: bytes
    traits: bytes

    def __init__(self, life: int) -> None:
        super().__init__()
        self.life = life
        vars(self).update(dict.fromkeys(SECTIONS, b""))
        self.cause: Cause | None = None

    @property
    def days_before(self) -> int:
        """The distinct purchase days older than the window of `days`."""
        return self.purchase_days - int.from_bytes(self.days, "little").bit_count()

    def pack(self) -> bytes:
        """Return the record as stored bytes."""
        values = vars(self)
        return pack(values, [values[name] for name in SECTIONS])

    @classmethod
    def unpack(cls, record: bytes) -> Self:
        """Return the customer of a record; raises BadRecord for other bytes."""
        self = cls.__new__(cls)
        self.load(record)
        return self

    def load(self, record: bytes) -> None:
        """Take over all values of a record; raises BadRecord for other bytes."""
        fields, sections = unpack(record)
        vars(self).update(fields, **dict(zip(SECTIONS, sections, strict=True)))
        self.cause = None


def day_bytes(bits: int) -> bytes:
    """Return the bits of purchase days as a record holds them."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
