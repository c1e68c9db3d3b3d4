"""Records that sources yield, ready to send and in sending order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

UNKNOWN_TIME_S: Final = float("-inf")  # before all other times, so that nothing waits for it


class SourceRecord(NamedTuple):
    """One record for a topic.

    `topic` is the name without prefix (`purchases`, `interactions`, `profiles`), `key` the customer id in UTF-8, and
    `value` the event as JSON. `occurred_at_s` is the event's own time in epoch seconds. It only paces a replay, and
    it is `UNKNOWN_TIME_S` where no event up to this one has a time. `line` is the source line (row, ordinal) of the
    record, counted from 1 and growing from record to record. It is 0 for sources that do not count.
    """

    topic: str
    key: bytes
    value: bytes
    occurred_at_s: float
    line: int = 0


class Source(Protocol):
    """A replayable source, which yields the same records in the same order each time it is read."""

    @property
    def name(self) -> str:
        """Return the name of the source in messages."""

    @property
    def unit(self) -> str:
        """Return the unit that `SourceRecord.line` counts: line, row or event."""

    def identity(self) -> str:
        """Return a hash of the source's content, which its records carry as the header `replay`."""

    def __iter__(self) -> Iterator[SourceRecord]: ...
