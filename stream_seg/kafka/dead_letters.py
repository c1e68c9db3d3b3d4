"""Dead letters: a rejected record goes to its own topic, byte for byte, with the reason beside it."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from stream_seg.contracts.times import rfc3339_ms
from stream_seg.kafka.append import Message

# A letter that the broker refuses would stop its writer for ever. Brokers take 1,048,588 bytes unless told otherwise.
MAX_VALUE_BYTES: Final = 1_000_000
MAX_KEY_BYTES: Final = 10_000


class Source(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers that name it, in records that are made of it."""
        return [
            ("source_topic", self.topic.encode()),
            ("source_partition", b"%d" % self.partition),
            ("source_offset", b"%d" % self.offset),
        ]


class Why(Protocol):
    """Why a record is rejected: a code of `contracts.reasons`, and a sentence."""

    @property
    def reason(self) -> str: ...

    @property
    def detail(self) -> str: ...


def dead_letter(source: Source, key: bytes | None, value: bytes | None, why: Why, now: float) -> Message:
    """Return the message for `dead-letters` that holds a record and says why it was rejected at `now` (epoch seconds).

    A key or value that is too long for a letter is cut, and the detail says so.
    """
    detail = why.detail
    if value is not None and len(value) > MAX_VALUE_BYTES:
        detail = f"{detail} (truncated: {len(value)} bytes, of which the first {MAX_VALUE_BYTES} are kept)"
        value = value[:MAX_VALUE_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        detail = f"{detail} (key truncated: {len(key)} bytes, of which the first {MAX_KEY_BYTES} are kept)"
        key = key[:MAX_KEY_BYTES]
    headers = [
        ("reason", why.reason.encode()),
        ("detail", detail.encode("utf-8", "backslashreplace")),
        *source.headers(),
        ("rejected_at", rfc3339_ms(now).encode()),
    ]
    return key, value, headers
