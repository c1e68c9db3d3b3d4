"""Categories of goods: per customer the weight and units of the heaviest, and per partition their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

# Most categories of a customer. The lightest are dropped, so the ranking of a customer with more is approximate.
MAX_CATEGORIES: Final = 16
# Most names of a partition, and the longest name in UTF-8 bytes. All others count as `other`.
MAX_NAMES: Final = 4_096
MAX_NAME_BYTES: Final = 64

OTHER: Final = "other"
OTHER_ID: Final = 0

# A weight decays like the sums of the record and counts from the same landmark. Units do not decay.
ENTRY: Final = np.dtype([("id", "<u4"), ("weight", "<f8"), ("units", "<i4")])
CATEGORY_BYTES: Final = ENTRY.itemsize

_ID_BITS: Final = 32
_UNITS: Final = np.iinfo(np.int32)

Array = npt.NDArray[Any]


@lru_cache(maxsize=65_536)
def category_id(name: str) -> int:
    """Return four bytes of a hash that stand for a category, the same on every machine, and never `OTHER_ID`."""
    return xxh3_64_intdigest(name.encode()) % 2**_ID_BITS or 1


class CategoryNames:
    """The names of the categories in one partition, by id. Names are added and never removed."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        self._new: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def items(self) -> Iterator[tuple[int, str]]:
        """Return all ids with their names."""
        return iter(self._names.items())

    def id_of(self, name: str) -> int:
        """Return the id of a category. A name that cannot be kept has `OTHER_ID`."""
        known = self._ids.get(name)
        return self._admit(name) if known is None else known

    def name(self, number: int) -> str:
        """Return the name of an id, `other` if it is not known."""
        return self._names.get(number, OTHER)

    def take_new(self) -> dict[int, str]:
        """Return the names that were added since the last call."""
        new, self._new = self._new, {}
        return new

    def renew(self) -> None:
        """Make all names new, because the changelog may have lost them."""
        self._new = dict(self._names)

    def restore(self, number: int, name: str) -> None:
        """Add a name that the changelog has."""
        self._names[number] = name
        self._ids[name] = number

    def _admit(self, name: str) -> int:
        number = category_id(name)
        if len(name.encode()) > MAX_NAME_BYTES or (number not in self._names and len(self._names) >= MAX_NAMES):
            return OTHER_ID  # not remembered, because names from outside are without limit
        if number not in self._names:
            self._new[number] = self._names[number] = name
        self._ids[name] = number
        return number


def merge(
    sections: Sequence[bytes], factors: Array, rows: Array, ids: Array, weights: Array, units: Array
) -> list[bytes]:
    """Return the sections of customers with new amounts added.

    `factors` (len(sections),) multiply the stored weights. The amounts (n,) belong to the customers in `rows`. Each
    section keeps its `MAX_CATEGORIES` heaviest, the smaller id first among equals, and is sorted by id.
    """
    stored = np.frombuffer(b"".join(sections), ENTRY)
    owners = _owners(sections)
    codes, places = np.unique(np.concatenate((_codes(owners, stored["id"]), _codes(rows, ids))), return_inverse=True)
    weight, unit = np.zeros(len(codes)), np.zeros(len(codes), np.int64)
    np.add.at(weight, places, np.concatenate((stored["weight"] * factors[owners], weights)))
    np.add.at(unit, places, np.concatenate((stored["units"].astype(np.int64), units)))
    owner = codes >> _ID_BITS
    kept = _heaviest(owner, weight) & ((weight != 0.0) | (unit != 0))
    entries = np.empty(np.count_nonzero(kept), ENTRY)
    entries["id"] = codes[kept] & (2**_ID_BITS - 1)
    entries["weight"] = weight[kept]
    entries["units"] = np.clip(unit[kept], _UNITS.min, _UNITS.max)
    ends = np.searchsorted(owner[kept], np.arange(1, len(sections) + 1)) * CATEGORY_BYTES
    packed, bounds = entries.tobytes(), [0, *ends.tolist()]
    return [packed[start:end] for start, end in pairwise(bounds)]


def units_of(section: bytes, names: CategoryNames) -> dict[str, int]:
    """Return the units of a customer's categories by name, the heaviest category first."""
    entries = np.frombuffer(section, ENTRY)
    found: dict[str, int] = {}
    for number, _, units in entries[np.argsort(-entries["weight"], kind="stable")].tolist():
        name = names.name(number)
        found[name] = found.get(name, 0) + units
    return found


def shares_of(sections: Sequence[bytes], names: CategoryNames) -> list[dict[str, float]]:
    """Return the share (0..1) of each category of n customers by name, without those of no weight."""
    entries = np.frombuffer(b"".join(sections), ENTRY)
    owners = _owners(sections)
    weights = np.maximum(entries["weight"], 0.0)
    largest = np.zeros(len(sections))
    np.maximum.at(largest, owners, weights)
    finite = np.isfinite(largest)[owners] & (weights > 0.0)
    owners, ids = owners[finite], entries["id"][finite]
    weights = weights[finite] / largest[owners]  # sums may be near infinity
    shares = weights / np.bincount(owners, weights, minlength=len(sections))[owners]
    found: list[dict[str, float]] = [{} for _ in sections]
    for owner, number, share in zip(owners.tolist(), ids.tolist(), shares.tolist(), strict=True):
        name, mine = names.name(number), found[owner]
        mine[name] = mine.get(name, 0.0) + share
    return found


def _owners(sections: Sequence[bytes]) -> Array:
    """Return for each entry of n sections the position of its section."""
    return np.repeat(np.arange(len(sections)), [len(section) // CATEGORY_BYTES for section in sections])


def _codes(rows: Array, ids: Array) -> Array:
    """Return one number per row and id. Sorted, they are in the order of rows, then of ids."""
    codes: Array = (rows.astype(np.int64) << _ID_BITS) | ids.astype(np.int64)
    return codes


def _heaviest(owner: Array, weight: Array) -> Array:
    """Return which entries (n,) are among the `MAX_CATEGORIES` heaviest of their owner. `owner` is ascending."""
    starts = np.searchsorted(owner, owner)
    if len(owner) == 0 or (np.arange(len(owner)) - starts).max() < MAX_CATEGORIES:
        return np.ones(len(owner), np.bool_)
    order = np.lexsort((-weight, owner))  # stable, so the smaller id comes first among equals
    kept = np.empty(len(owner), np.bool_)
    kept[order] = np.arange(len(owner)) - starts < MAX_CATEGORIES
    return kept
