"""A batch of customers that a group changes. Numbers are columns, so one step changes thousands of customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .customer import Cause, Customer, day_bytes
from .decay import Decay
from .events.deltas import COUNTS, Deltas
from .events.purchase_days import PurchaseDays
from .events.recent_ids import FINGERPRINT_BYTES, ORDER_ENTRY
from .events.taxonomy import SUMS
from .record import COPIED, DTYPE, FORMAT, LAYOUT, tail_offsets, unpack_fixed

Array = npt.NDArray[Any]

# One slot more than records have. Amounts without a slot, such as those of a missing channel, are added there.
NOWHERE: Final = SUMS

_FIRST_ROWS: Final = 64


class CustomerBatch:
    """Customers by row, in the order in which they were opened.

    ``batch["sums"]`` is a column, with a name of the record's fields as in `record.columns`. `keys`, `days`, `recent`,
    `orders`, `traits` and `causes` (the last event absorbed, or None) are lists by row.

    Call `see` before `add`, because weights count from the landmark of the latest event. Call `settle` before
    evaluation, because purchase days are written into the columns only then.
    """

    def __init__(self, decay: Decay) -> None:
        self._decay = decay
        self._rows: dict[bytes, int] = {}
        self._room = 0
        self._numbers: dict[str, Array] = {}
        self._bought: dict[int, PurchaseDays] = {}
        self._grow(_FIRST_ROWS)
        self.keys: list[bytes] = []
        self.days: list[bytes] = []
        self.recent: list[bytes] = []
        self.orders: list[bytes] = []
        self.traits: list[bytes] = []
        self.causes: list[Cause | None] = []

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, name: str) -> Array:
        if name in COUNTS:
            return self["counts"][:, COUNTS.index(name)]
        column = self._numbers[name][: len(self.keys)]
        return column[:, :SUMS] if name == "sums" else column

    def find(self, keys: Iterable[bytes]) -> list[int | None]:
        """Return the rows of `keys`, in their order, and None for keys that are not open."""
        return list(map(self._rows.get, keys))

    def rows(self, keys: Iterable[bytes]) -> list[int]:
        """Return the rows of `keys`, in their order. All of them must be open."""
        return list(map(self._rows.__getitem__, keys))

    def open(self, keys: Sequence[bytes], records: Sequence[bytes]) -> None:
        """Add customers that are not open yet, from their records. The record of a new customer is `new_record`.

        Raises BadRecord.
        """
        size = LAYOUT.size
        fixed = np.frombuffer(b"".join([record[:size] for record in records]).ljust(size * len(keys)), DTYPE)
        lengths = (fixed[name].astype(np.intp) for name in ("day_bytes", "recent_count", "order_count"))
        recent, orders, traits = tail_offsets(*lengths)
        if (fixed["format"] != FORMAT).any() or (traits > np.fromiter(map(len, records), np.intp)).any():
            for record in records:
                unpack_fixed(record)  # raises BadRecord with the reason
        start, end = len(self.keys), len(self.keys) + len(keys)
        self._rows.update(zip(keys, range(start, end), strict=True))
        self.keys += keys
        if end > self._room:
            self._grow(max(end, 2 * self._room))
        numbers = self._numbers
        for name in COPIED:
            numbers[name][start:end] = fixed[name]
        for index, name in enumerate(COUNTS):
            numbers["counts"][start:end, index] = fixed[name]
        numbers["sums"][start:end, :SUMS] = fixed["sums"]
        numbers["base"][start:end] = self._decay.bases(fixed["last_seen"])
        places = list(zip(records, recent.tolist(), orders.tolist(), traits.tolist(), strict=True))
        self.days += [record[size:a] for record, a, _, _ in places]
        self.recent += [record[a:b] for record, a, b, _ in places]
        self.orders += [record[b:c] for record, _, b, c in places]
        self.traits += [record[c:] for record, _, _, c in places]
        self.causes += [None] * len(keys)

    def bought(self, row: int) -> PurchaseDays:
        """Return the purchase days of a customer, to note purchases in. `settle` writes them."""
        days = self._bought.get(row)
        if days is None:
            numbers, bits = self._numbers, int.from_bytes(self.days[row], "little")
            before = int(numbers["purchase_days"][row]) - bits.bit_count()
            first, last = float(numbers["first_purchase"][row]), float(numbers["last_purchase"][row])
            days = self._bought[row] = PurchaseDays(first, last, bits, before)
        return days

    def see(self, rows: Array, times: Array) -> None:
        """Note events of customers at `times` (n,), epoch seconds. A row may occur many times."""
        numbers = self._numbers
        last_seen = numbers["last_seen"]
        np.maximum.at(last_seen, rows, times)
        np.minimum.at(numbers["first_seen"], rows, times)
        moved = self._decay.bases(last_seen[rows]) != numbers["base"][rows]
        if moved.any():
            self._move_landmarks(np.unique(rows[moved]))

    def add(self, rows: Array, slots: Array, amounts: Array | float, times: Array) -> None:
        """Add `amounts` that decay since `times` to slots of sums, all (n,). `see` comes first."""
        sums, base = self._numbers["sums"], self._numbers["base"]
        weights = np.exp2(times / self._decay.half_life_s - base[rows])
        places: Any = rows * (SUMS + 1) + slots
        np.add.at(sums.reshape(-1), places, weights * amounts)

    def count(self, rows: Array, fields: int | Array, numbers: int | Array) -> None:
        """Add whole numbers to fields of `COUNTS`, given by their position there."""
        places: Any = rows * len(COUNTS) + fields
        np.add.at(self._numbers["counts"].reshape(-1), places, numbers)

    def post(self, deltas: Deltas) -> None:
        """Add all deltas to the sums and counts."""
        if deltas.sums:
            rows, slots, amounts, times = map(np.array, zip(*deltas.sums, strict=True))
            self.add(rows, slots, amounts, times)
        if deltas.counts:
            rows, fields, numbers = map(np.array, zip(*deltas.counts, strict=True))
            self.count(rows, fields, numbers)

    def settle(self) -> None:
        """Write purchase days into the columns. Evaluation needs it."""
        if not self._bought:
            return
        rows, noted = list(self._bought), self._bought.values()
        for name, values in (
            ("first_purchase", [days.first for days in noted]),
            ("last_purchase", [days.last for days in noted]),
            ("purchase_days", [days.count for days in noted]),
        ):
            self._numbers[name][rows] = values
        for row, days in self._bought.items():
            self.days[row] = day_bytes(days.bits)
        self._bought.clear()

    def pack(self) -> list[bytes]:
        """Return the records as stored bytes, by row, identical to those of `Customer.pack`."""
        self.settle()
        fixed = np.zeros(len(self), DTYPE)
        fixed["format"] = FORMAT
        for name in (*COPIED, "sums"):
            fixed[name] = self[name]
        for index, name in enumerate(COUNTS):
            fixed[name] = self["counts"][:, index]
        fixed["day_bytes"] = list(map(len, self.days))
        fixed["recent_count"] = [len(ring) // FINGERPRINT_BYTES for ring in self.recent]
        fixed["order_count"] = [len(ring) // ORDER_ENTRY.size for ring in self.orders]
        heads, size = fixed.tobytes(), LAYOUT.size
        tails = zip(self.days, self.recent, self.orders, self.traits, strict=True)
        return [
            b"".join((heads[at : at + size], *tail)) for at, tail in zip(range(0, len(heads), size), tails, strict=True)
        ]

    def _grow(self, room: int) -> None:
        """Allocate room for `room` rows."""
        shapes = {name: (DTYPE[name].base, DTYPE[name].shape) for name in COPIED}
        shapes |= {"counts": (np.dtype(np.int64), (len(COUNTS),)), "sums": (np.dtype(np.float64), (SUMS + 1,))}
        shapes["base"] = np.dtype(np.float64), ()
        for name, (kind, shape) in shapes.items():
            column = np.zeros((room, *shape), kind)
            column[: self._room] = self._numbers.get(name, column[:0])
            self._numbers[name] = column
        self._room = room

    def _move_landmarks(self, rows: Array) -> None:
        """Move sums to the landmark of `last_seen`. The factor is a power of two, so the step is exact."""
        base = self._numbers["base"]
        after = self._decay.bases(self._numbers["last_seen"][rows])
        self._numbers["sums"][rows] *= np.exp2(base[rows] - after)[:, np.newaxis]
        base[rows] = after


@lru_cache(maxsize=64)
def new_record(life: int) -> bytes:
    """Return the record of a new customer whose `life` starts."""
    return Customer(life).pack()
