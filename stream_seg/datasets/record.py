"""What every source yields: records that are ready to be sent, in the order in which they are to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Final, NamedTuple

UNKNOWN_TIME_S: Final = float("-inf")  # before all others, so that nothing waits for it


class SourceError(ValueError):
    """A source cannot be read; the message says which, where, and what to do."""


class SourceRecord(NamedTuple):
    """One record for a topic.

    `topic` is the name without prefix (`purchases`, `interactions`, `profiles`), `key` the customer id in UTF-8,
    `value` the event as JSON, `occurred_at_s` the event's own time, epoch seconds: it paces a replay, no more, and is
    `UNKNOWN_TIME_S` where no event up to this one says when it happened.
    """

    topic: str
    key: bytes
    value: bytes
    occurred_at_s: float


class First:
    """The first `limit` records of a source; like its source it can be read again from the start."""

    def __init__(self, source: Iterable[SourceRecord], limit: int) -> None:
        if limit < 0:
            raise SourceError(f"limit is {limit}; give the number of records to take, 0 or more")
        self.source = source
        self.limit = limit

    def __iter__(self) -> Iterator[SourceRecord]:
        return islice(self.source, self.limit)

    def __length_hint__(self) -> int:
        """Records at most. A source that cannot tell its length is taken to have enough of them."""
        return min(self.limit, length_hint(self.source, self.limit))
