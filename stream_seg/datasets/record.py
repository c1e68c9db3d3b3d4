"""What every source yields: records that are ready to be sent, in the order in which they are to be sent."""

from __future__ import annotations

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
