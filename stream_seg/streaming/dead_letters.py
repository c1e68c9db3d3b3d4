"""Dead letters: a rejected record goes to its own topic, byte for byte, with the reason beside it."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts.decode import Rejected
from stream_seg.contracts.times import rfc3339_ms
from stream_seg.kafka.append import Message

from .intake import RecordBatch

# A letter that the broker refuses would stop the worker for ever. Brokers take 1,048,588 bytes unless told otherwise.
MAX_VALUE_BYTES: Final = 1_000_000
MAX_KEY_BYTES: Final = 10_000


def dead_letter(batch: RecordBatch, record: Any, rejected: Rejected, now: float) -> Message:
    """The message for `dead-letters` that holds `record` and says why it was rejected at `now` (epoch seconds)."""
    key, value, detail = record.key, record.value, rejected.detail
    if value is not None and len(value) > MAX_VALUE_BYTES:
        detail = f"{detail} (truncated: {len(value)} bytes, of which the first {MAX_VALUE_BYTES} are kept)"
        value = value[:MAX_VALUE_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        detail = f"{detail} (key truncated: {len(key)} bytes, of which the first {MAX_KEY_BYTES} are kept)"
        key = key[:MAX_KEY_BYTES]
    headers = [
        ("reason", rejected.reason.encode()),
        ("detail", detail.encode("utf-8", "backslashreplace")),
        ("source_topic", batch.topic.encode()),
        ("source_partition", str(batch.partition).encode()),
        ("source_offset", str(record.offset).encode()),
        ("rejected_at", rfc3339_ms(now).encode()),
    ]
    return key, value, headers
