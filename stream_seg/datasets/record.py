"""What sources yield: records that are ready to be sent, in the order in which they are to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

UNKNOWN_TIME_S: Final = float("-inf")  # before all others, so that nothing waits for it


class SourceRecord(NamedTuple):
    """One record for a topic.

    `topic` is the name without prefix (`purchases`, `interactions`, `profiles`), `key` the customer id in UTF-8,
    `value` the event as JSON, `occurred_at_s` the event's own time, epoch seconds: it paces a replay, no more, and is
    `UNKNOWN_TIME_S` where no event up to this one says when it happened. `line` is the line (row, ordinal) of the
    source that the record was made of, counted from 1: it grows from record to record. 0 where nothing counts.
    """

    topic: str
    key: bytes
    value: bytes
    occurred_at_s: float
    line: int = 0


class Source(Protocol):
    """Something that can be replayed: the same records in the same order, however often it is read."""

    @property
    def name(self) -> str:
        """How messages call it."""

    @property
    def unit(self) -> str:
        """What `SourceRecord.line` counts: line, row or event."""

    def identity(self) -> str:
        """A hash of what the source holds, which its records carry as the header `replay`."""

    def __iter__(self) -> Iterator[SourceRecord]: ...
