"""Events from rows and JSON objects through a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from stream_seg.contracts.event_ids import content_id, content_of, fingerprint
from stream_seg.contracts.mapping import EventMapping
from stream_seg.contracts.reasons import Refused

from .envelopes import customer_id, time_of
from .json_lines import parse_line
from .ordinals import Ordinals
from .record import UNKNOWN_TIME_S, SourceRecord
from .skips import BAD_ROW, NOT_MAPPED, Row


class MappedEvents:
    """Creates records from rows through a mapping, one at a time."""

    def __init__(self, mapping: EventMapping) -> None:
        self._mapping = mapping
        self._ordinals = Ordinals()
        self._occurred_at_s = UNKNOWN_TIME_S

    def record_of_line(self, value: bytes, number: int) -> SourceRecord:
        """Return the record of a line of JSON. Raises Refused."""
        return self._record(parse_line(value), number)

    def record(self, row: Row) -> SourceRecord:
        """Return the record of a row. Raises Refused."""
        return self._record(row.content, row.number)

    def _record(self, content: Mapping[str, Any], line: int) -> SourceRecord:
        mapped = self._mapping.apply(content)
        if mapped is None:
            raise Refused(NOT_MAPPED, f"no [[event]] of {self._mapping.name} takes this row.")
        topic, event = mapped
        key = customer_id(event["customer_id"], "customer_id")
        moment = time_of(event["occurred_at"])
        if moment is not None:
            self._occurred_at_s = moment
        try:
            if "event_id" not in event:
                identifying = content_of(topic, event)
                event = {"event_id": content_id(identifying, self._ordinals.next(fingerprint(identifying))), **event}
            return SourceRecord(topic, key.encode(), orjson.dumps(event), self._occurred_at_s, line)
        except (TypeError, UnicodeEncodeError) as error:
            raise Refused(BAD_ROW, f"a cell cannot be written as JSON ({error}).") from None
