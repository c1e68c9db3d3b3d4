"""Purchase days: on how many distinct UTC days a customer bought, whatever order the purchases arrive in."""

from __future__ import annotations

from math import inf
from typing import Final

from stream_seg.core.decay import DAY_S

# Days of purchases are kept one by one for a little over a year, so that late purchases on a day already
# counted are recognised; older days are only a number.
DAY_WINDOW: Final = 384
_DAY_MASK: Final = (1 << DAY_WINDOW) - 1


class PurchaseDays:
    """First and last purchase (epoch seconds; `inf` and `-inf` while there is none) and the days between.

    `bits`: bit i is a purchase i days before the day of the last one. `before`: distinct days older than the window.
    """

    __slots__ = ("before", "bits", "first", "last")

    def __init__(self, first: float = inf, last: float = -inf, bits: int = 0, before: int = 0) -> None:
        self.first = first
        self.last = last
        self.bits = bits
        self.before = before

    @property
    def count(self) -> int:
        """Distinct days."""
        return self.before + self.bits.bit_count()

    def note(self, t: float) -> None:
        """A purchase at `t`."""
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
