"""Dead letters: rejected records, byte for byte, with the reason in their headers."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from stream_seg.contracts.times import rfc3339_ms
from stream_seg.kafka.append import Message

# A dead letter that the broker refuses would block its writer. By default, brokers accept 1,048,588 bytes.
MAX_VALUE_BYTES: Final = 1_000_000
MAX_KEY_BYTES: Final = 10_000


class Source(NamedTuple):
    """The position of a record."""

    topic: str
    partition: int
    offset: int

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers that name this position, for records that are derived from the record."""
        return [
            ("source_topic", self.topic.encode()),
            ("source_partition", b"%d" % self.partition),
            ("source_offset", b"%d" % self.offset),
        ]


class Why(Protocol):
    """The reason of a rejection: a code of `contracts.reasons`, and a sentence."""

    @property
    def reason(self) -> str: ...

    @property
    def detail(self) -> str: ...


def dead_letter(source: Source, key: bytes | None, value: bytes | None, why: Why, now: float) -> Message:
    """Return the message for `dead-letters` with a record that was rejected at `now` (epoch seconds).

    A key or value that is too long is cut, and the detail says so.
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
