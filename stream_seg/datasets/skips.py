"""Counts, reasons and places of the rows of a file that are not events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from stream_seg.contracts.reasons import Refused

# Reasons that only files have. The others are those of dead letters (`contracts.reasons`).
BAD_ROW: Final = "bad_row"
NOT_MAPPED: Final = "not_mapped"
FIRST_LINES: Final = 5  # lines kept per reason, for the summary


class Row(NamedTuple):
    """A row of a file: its line or number, its content (or a Refused), and its source text."""

    number: int
    content: Any
    raw: bytes | Sequence[str]


class Skips:
    """Counts skipped rows by reason, and keeps the first lines and the first explanation of each reason.

    Rows that no part of a mapping takes are skipped on purpose. All others are faults. `keep` is called with each
    fault.
    """

    def __init__(self, keep: Callable[[Row], None] | None = None) -> None:
        self.by_reason: Counter[str] = Counter()
        self.first_lines: dict[str, list[int]] = {}
        self.details: dict[str, str] = {}
        self._keep = keep

    def __len__(self) -> int:
        return self.by_reason.total()

    @property
    def faults(self) -> Counter[str]:
        """Return the faulty rows, by reason."""
        return Counter({reason: count for reason, count in self.by_reason.items() if reason != NOT_MAPPED})

    @property
    def not_mapped(self) -> int:
        """Return how many rows a mapping left out."""
        return self.by_reason[NOT_MAPPED]

    def add(self, row: Row, why: Refused) -> None:
        """Count a skipped row."""
        self.count(row.number, why.reason, why.detail)
        if self._keep is not None and why.reason != NOT_MAPPED:
            self._keep(row)

    def count(self, line: int, reason: str, detail: str) -> None:
        """Count a row of which only the line number is known."""
        self.by_reason[reason] += 1
        self.details.setdefault(reason, detail)
        lines = self.first_lines.setdefault(reason, [])
        if len(lines) < FIRST_LINES:
            lines.append(line)

    def merged(self, other: Skips) -> Skips:
        """Return the sum of these counts and others."""
        both = Skips()
        both.by_reason = self.by_reason + other.by_reason
        for reason in both.by_reason:
            mine, theirs = self.first_lines.get(reason, []), other.first_lines.get(reason, [])
            both.first_lines[reason] = sorted({*mine, *theirs})[:FIRST_LINES]
            first = self if both.first_lines[reason][0] in mine else other
            both.details[reason] = first.details[reason]
        return both

    def first(self) -> tuple[int, str]:
        """Return the first faulty line, or else the first line left out, with the reason that it is not an event."""
        reason = min(self.faults or self.by_reason, key=lambda each: self.first_lines[each][0])
        return self.first_lines[reason][0], self.details[reason]
