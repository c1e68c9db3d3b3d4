"""Counts of equal rows of a source, in 12 to 24 bytes per row."""

from __future__ import annotations

from array import array
from typing import Final

_FIRST_SLOTS: Final = 1 << 10


class Ordinals:
    """Numbers equal rows: the first is 0, the next 1, and so on. 64-bit fingerprints identify the rows."""

    def __init__(self) -> None:
        # A custom hash table (open addressing), because a set of integers takes five times the memory.
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._used = 0
        self._repeats: dict[int, int] = {}

    def next(self, fingerprint: int) -> int:
        """Return how many rows with this fingerprint came before."""
        wanted = fingerprint or 1  # 0 marks a free slot
        if self._insert(wanted):
            return 0
        ordinal = self._repeats[wanted] = self._repeats.get(wanted, 0) + 1
        return ordinal

    def _insert(self, wanted: int) -> bool:
        """Return whether the fingerprint is new, and remember it."""
        slots, mask = self._slots, len(self._slots) - 1
        at = wanted & mask
        while slots[at]:
            if slots[at] == wanted:
                return False
            at = (at + 1) & mask
        slots[at] = wanted
        self._used += 1
        if self._used * 3 > len(slots) * 2:
            self._grow()
        return True

    def _grow(self) -> None:
        before, self._used = self._slots, 0
        self._slots = array("Q", bytes(8 * 2 * len(before)))
        for each in before:
            if each:
                self._insert(each)
