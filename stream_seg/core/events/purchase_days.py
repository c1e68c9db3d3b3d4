"""Purchase days: the distinct UTC days on which a customer bought, independent of the order of arrival."""

from __future__ import annotations

from math import inf
from typing import Final

from stream_seg.core.decay import DAY_S

# Purchase days are kept one by one for a little over a year, so that a late purchase on a counted day is recognized.
# Older days are only a number.
DAY_WINDOW: Final = 384
_DAY_MASK: Final = (1 << DAY_WINDOW) - 1


class PurchaseDays:
    """First and last purchase (epoch seconds, `inf` and `-inf` without one) and the days between.

    Bit i of `bits` is set for a purchase i days before the day of the last one. `before` counts the distinct days older
    than the window.
    """

    __slots__ = ("before", "bits", "first", "last")

    def __init__(self, first: float = inf, last: float = -inf, bits: int = 0, before: int = 0) -> None:
        self.first = first
        self.last = last
        self.bits = bits
        self.before = before

    @property
    def count(self) -> int:
        """The number of distinct days."""
        return self.before + self.bits.bit_count()

    def note(self, t: float) -> None:
        """Add a purchase at `t` (epoch seconds)."""
        if t < self.first:
            self.first = t
        day, newest = int(t // DAY_S), self.last
        if t > newest:
            self.last = t
            ahead = day - int(newest // DAY_S) if newest > -inf else 0
            if ahead >= DAY_WINDOW:
                self.before += self.bits.bit_count()
                self.bits = 1
            else:
                bits = self.bits << ahead | 1
                self.before += (bits >> DAY_WINDOW).bit_count()
                self.bits = bits & _DAY_MASK
        else:
            behind = int(newest // DAY_S) - day
            if behind < DAY_WINDOW:
                self.bits |= 1 << behind

    def remove(self, day: int) -> None:
        """Remove the purchases of a UTC day, counted since 1970. Days older than the window stay."""
        behind = int(self.last // DAY_S) - day if self.last > -inf else DAY_WINDOW
        if 0 <= behind < DAY_WINDOW:
            self.bits &= ~(1 << behind)

    def end_at(self, last: float) -> None:
        """Move the last purchase back to `last`, or to none with -inf. The days after it must be removed already."""
        if last > -inf:
            self.bits >>= int(self.last // DAY_S) - int(last // DAY_S)
        else:
            self.bits = 0
        self.last = last
