"""A batch of customers that a group changes. Numbers are columns, so one step changes thousands of customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .customer import Cause, Customer, day_bytes
from .decay import DAY_S, Decay
from .events.categories import merge
from .events.deltas import COUNTS, Deltas
from .events.purchase_days import PurchaseDays
from .events.taxonomy import SUMS
from .record import COPIED, DTYPE, FORMAT, LAYOUT, SECTIONS, TAIL, unpack

Array = npt.NDArray[Any]

# One slot more than records have. Amounts without a slot, such as those of a missing channel, are added there.
NOWHERE: Final = SUMS

_FIRST_ROWS: Final = 64
_VISIT_BITS: Final = 64
_MOST_DAYS: Final = 2**16 - 1  # 179 years, or a damaged record
_WIDTHS: Final = np.array([section.width for section in TAIL[:-1]])
_NO_GOODS: Final = (np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0), np.empty(0, np.int64))


class CustomerBatch:
    """Customers by row, in the order in which they were opened.

    ``batch["sums"]`` is a column, with a name of the record's fields as in `record.columns`. `keys`, the sections of
    the tail such as `recent` and `orders`, and `causes` (the last event absorbed, or None) are lists by row. `goods`
    takes (row, category id, amount, t, units): an amount of a category that decays since `t`.

    Call `see` before `add`, because weights count from the landmark of the latest event. Call `settle` before
    evaluation, because purchase days and categories are written only then.
    """

    recent: list[bytes]
    orders: list[bytes]
    statements: list[bytes]
    refund_ids: list[bytes]
    tiles: list[bytes]
    categories: list[bytes]
    traits: list[bytes]

    def __init__(self, decay: Decay) -> None:
        self._decay = decay
        self._rows: dict[bytes, int] = {}
        self._room = 0
        self._numbers: dict[str, Array] = {}
        self._bought: dict[int, PurchaseDays] = {}
        self.goods: list[tuple[int, int, float, float, int]] = []
        self._grow(_FIRST_ROWS)
        self.keys: list[bytes] = []
        self._tail: dict[str, list[bytes]] = {name: [] for name in SECTIONS}
        vars(self).update(self._tail)
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
        lengths = fixed["lengths"].astype(np.intp)
        ends = size + np.cumsum(lengths, axis=1)
        known = np.fromiter(map(len, records), np.intp)
        if (fixed["format"] != FORMAT).any() or (ends[:, -1] > known).any() or (lengths % _WIDTHS).any():
            for record in records:
                unpack(record)  # raises BadRecord with the reason
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
        numbers["base"][start:end] = numbers["opened_base"][start:end] = self._decay.bases(fixed["last_seen"])
        self._open_tails(records, ends, known)
        self.causes += [None] * len(keys)

    def bought(self, row: int) -> PurchaseDays:
        """Return the purchase days of a customer, to note purchases in. `settle` writes them."""
        days = self._bought.get(row)
        if days is None:
            numbers, bits = self._numbers, int.from_bytes(self._tail["days"][row], "little")
            before = int(numbers["purchase_days"][row]) - bits.bit_count()
            first, last = float(numbers["first_purchase"][row]), float(numbers["last_purchase"][row])
            days = self._bought[row] = PurchaseDays(first, last, bits, before)
        return days

    def see(self, rows: Array, times: Array) -> None:
        """Note events of customers at `times` (n,), epoch seconds. A row may occur many times."""
        numbers = self._numbers
        last_seen = numbers["last_seen"]
        seen_before = last_seen[rows]
        np.maximum.at(last_seen, rows, times)
        np.minimum.at(numbers["first_seen"], rows, times)
        if (_days(last_seen[rows]) != _days(seen_before)).any():
            self._move_visits(rows, seen_before)
        moved = self._decay.bases(last_seen[rows]) != numbers["base"][rows]
        if moved.any():
            self._move_landmarks(np.unique(rows[moved]))

    def visit(self, rows: Array, times: Array) -> None:
        """Note that customers acted on the UTC days of `times` (n,). `see` comes first."""
        behind = _days(self._numbers["last_seen"][rows]) - _days(times)
        bits = np.where(
            behind < _VISIT_BITS, np.uint64(1) << np.minimum(behind, _VISIT_BITS - 1).astype(np.uint64), np.uint64(0)
        )
        np.bitwise_or.at(self._numbers["visited_days"], rows, bits)

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
        """Write purchase days and categories. Evaluation and packing need it."""
        if self._bought:
            self._settle_days()
        self._settle_categories()

    def pack(self) -> list[bytes]:
        """Return the records as stored bytes, by row, identical to those of `Customer.pack`."""
        self.settle()
        fixed = np.zeros(len(self), DTYPE)
        fixed["format"] = FORMAT
        for name in (*COPIED, "sums"):
            fixed[name] = self[name]
        for index, name in enumerate(COUNTS):
            fixed[name] = self["counts"][:, index]
        used = [(index, section) for index, section in enumerate(self._tail.values()) if any(section)]
        for index, section in used:
            if index < len(_WIDTHS):
                fixed["lengths"][:, index] = list(map(len, section))
        heads, size = fixed.tobytes(), LAYOUT.size
        fixed_parts = [heads[at : at + size] for at in range(0, len(heads), size)]
        return list(map(b"".join, zip(fixed_parts, *(section for _, section in used), strict=True)))

    def _open_tails(self, records: Sequence[bytes], starts: Array, ends: Array) -> None:
        """Cut the sections out of records. `starts` (n, sections - 1) is where each but the first begins.

        `ends` (n,) are the lengths of the records.
        """
        bounds = [[LAYOUT.size] * len(records), *starts.T.tolist(), ends.tolist()]
        for section, begins, stops in zip(self._tail.values(), bounds[:-1], bounds[1:], strict=True):
            if begins == stops:  # many sections are empty for all of these customers
                section += [b""] * len(records)
            else:
                section += [record[begin:stop] for record, begin, stop in zip(records, begins, stops, strict=True)]

    def _settle_days(self) -> None:
        rows, noted = list(self._bought), self._bought.values()
        for name, values in (
            ("first_purchase", [days.first for days in noted]),
            ("last_purchase", [days.last for days in noted]),
            ("purchase_days", [min(days.count, _MOST_DAYS) for days in noted]),
        ):
            self._numbers[name][rows] = values
        for row, days in self._bought.items():
            self._tail["days"][row] = day_bytes(days.bits)
        self._bought.clear()

    def _settle_categories(self) -> None:
        """Add new amounts to the categories, whose weights count from the landmark at which they were opened."""
        base, opened = self["base"], self["opened_base"]
        touched = np.flatnonzero(base != opened)
        if not self.goods and not len(touched):
            return
        rows, ids, amounts, times, units = map(np.array, zip(*self.goods, strict=True)) if self.goods else _NO_GOODS
        self.goods.clear()
        weights = amounts * np.exp2(times / self._decay.half_life_s - base[rows])
        touched = np.union1d(touched, rows)
        factors = np.exp2(
            opened[touched] - base[touched], where=base[touched] != opened[touched], out=np.ones(len(touched))
        )
        sections = self._tail["categories"]
        merged = merge(
            [sections[row] for row in touched.tolist()], factors, np.searchsorted(touched, rows), ids, weights, units
        )
        for row, section in zip(touched.tolist(), merged, strict=True):
            sections[row] = section
        opened[touched] = base[touched]

    def _grow(self, room: int) -> None:
        """Allocate room for `room` rows."""
        shapes = {name: (DTYPE[name].base, DTYPE[name].shape) for name in COPIED}
        shapes |= {"counts": (np.dtype(np.int64), (len(COUNTS),)), "sums": (np.dtype(np.float64), (SUMS + 1,))}
        shapes["base"] = shapes["opened_base"] = np.dtype(np.float64), ()
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

    def _move_visits(self, rows: Array, seen_before: Array) -> None:
        """Move the bits of visited days to the day of `last_seen`. A row may occur many times."""
        rows, first = np.unique(rows, return_index=True)
        visited = self._numbers["visited_days"]
        days = _days(self._numbers["last_seen"][rows]) - _days(seen_before[first])
        kept = np.where(days < _VISIT_BITS, visited[rows], np.uint64(0))
        visited[rows] = kept << np.minimum(days, _VISIT_BITS - 1).astype(np.uint64)


def _days(times: Array) -> Array:
    """Return the UTC days since 1970 of times in epoch seconds, which may be infinite."""
    days: Array = np.floor(times / DAY_S)
    return days


@lru_cache(maxsize=64)
def new_record(life: int) -> bytes:
    """Return the record of a new customer whose `life` starts."""
    return Customer(life).pack()
