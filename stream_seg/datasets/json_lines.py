"""Files of JSON lines: one event per line, native or in an envelope of Segment or GA4."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from stream_seg.contracts.decode import MAX_VALUE_BYTES
from stream_seg.contracts.reasons import NOT_AN_OBJECT, NOT_JSON, NOT_UTF8, TOO_LARGE, Refused

from .envelopes import as_read, customer_id, moment_of, topic_of
from .record import UNKNOWN_TIME_S, SourceRecord
from .skips import Row, Skips

# Fields that a worker reads the customer from. The first one present counts.
_CUSTOMER_FIELDS: Final = ("customer_id", "userId", "user_id")
_NAMES_OF_CUSTOMER: Final = "customer_id (Segment's userId, GA4's user_id)"


def json_records(path: Path, record_of: Callable[[bytes, int], SourceRecord], skips: Skips) -> Iterator[SourceRecord]:
    """Yield the records that `record_of` creates from the lines of a file and their numbers. Raises OSError."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            value = line.rstrip(b"\r\n")
            if number == 1:
                value = value.removeprefix(BOM_UTF8)
            if not value.strip():
                continue
            try:
                if len(value) > MAX_VALUE_BYTES:
                    raise Refused(TOO_LARGE, f"The line has {len(value):,} bytes; events have up to 256 KiB.")
                record = record_of(value, number)
            except Refused as why:
                skips.add(Row(number, None, line), why)
                continue
            yield record


def parse_line(value: bytes) -> dict[str, Any]:
    """Return the object on a line. Raises Refused."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            value.decode()
        except UnicodeDecodeError as fault:
            raise Refused(NOT_UTF8, f"Byte {fault.start} is not UTF-8; save the file as UTF-8.") from None
        raise Refused(NOT_JSON, f"not JSON ({error}); write one JSON object per line.") from None
    if not isinstance(event, dict):
        raise Refused(NOT_AN_OBJECT, "JSON, but not an object; write one JSON object per line.")
    return event


class JsonEvents:
    """Creates records from JSON events, one at a time. `topic` and `key_field` are those of FileSource."""

    def __init__(self, topic: str | None, key_field: str | None) -> None:
        self._topic = topic
        self._key_field = key_field
        self._occurred_at_s = UNKNOWN_TIME_S

    def record_of_line(self, value: bytes, number: int) -> SourceRecord:
        """Return the record of a line, whose bytes pass unchanged. Raises Refused."""
        return self.record(parse_line(value), value, number)

    def record(self, event: dict[str, Any], value: bytes | None, line: int) -> SourceRecord:
        """Return the record of an event. `value` is its JSON, or None to encode it here.

        A numeric customer id is written as text, and the id in a `key_field` as `customer_id`, because a worker
        compares the key with the event. Raises Refused.
        """
        native = as_read(event)
        # The worker validates the time. Here it only paces.
        moment = moment_of(event, native)
        if moment is not None:
            self._occurred_at_s = moment
        topic = self._topic or topic_of(event, native)
        owner_id = event.get(self._key_field) if self._key_field else native.get("customer_id", event.get("userId"))
        customer: str = owner_id if isinstance(owner_id, str) else ""
        if self._key_field or type(owner_id) is not str or not owner_id:
            customer = customer_id(owner_id, self._key_field or _NAMES_OF_CUSTOMER)
            owner = "customer_id" if self._key_field else self._owner(event, owner_id)
            # Where a format nests the id, a worker finds it there and reads a number as text.
            value = value if owner is None else orjson.dumps({**event, owner: customer})
        return SourceRecord(topic, customer.encode(), value or orjson.dumps(event), self._occurred_at_s, line)

    def _owner(self, event: dict[str, Any], owner_id: object) -> str | None:
        """Return the field of an event with the customer's id, or None if no native field has it."""
        return next((name for name in _CUSTOMER_FIELDS if event.get(name) is owner_id), None)
