"""Plan the records to write for a source record: events, and dead letters for rejected parts.

The plan is pure. The same record gives the same plan each time, so a partly written plan can be completed later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from stream_seg.contracts import reasons
from stream_seg.contracts.decode import MAX_VALUE_BYTES
from stream_seg.contracts.event_ids import content_id, content_of
from stream_seg.contracts.formats.connect import CONNECT
from stream_seg.contracts.framing import unframed
from stream_seg.contracts.mapping import EventMapping
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reader import EventReader
from stream_seg.contracts.reasons import Refused
from stream_seg.contracts.refusals import json_name
from stream_seg.contracts.routing import Routed, members, routed
from stream_seg.intake_settings import EVERY_TOPIC
from stream_seg.kafka.append import Message
from stream_seg.kafka.dead_letters import Source, dead_letter

DEAD_LETTERS: Final = "dead-letters"
MEMBER: Final = "source_member"

# Kafka refuses records from more than an hour ahead by default, and one refused record would stop the intake.
_MOST_AHEAD_MS: Final = 300_000


class Written(NamedTuple):
    """A record to write: its topic (without prefix), and the reason if it is a dead letter.

    `customer` decides the partition. A dead letter has none and keeps the number of its source partition.
    """

    topic: str
    customer: bytes | None
    message: Message
    reason: str | None = None


class _Event(NamedTuple):
    topic: str
    customer_id: str
    value: bytes


class _Rejected(NamedTuple):
    value: bytes | None
    why: Refused


@dataclass(frozen=True)
class Planner:
    """A planner of the records to write for source records.

    `ids` are placeholder ids. `mappings` are by topic, and that of `EVERY_TOPIC` is for topics without their own.
    `wall` returns epoch seconds, which only dead letters use.
    """

    ids: Placeholders
    mappings: Mapping[str, EventMapping]
    wall: Callable[[], float]

    def plan(self, record: Any) -> list[Written]:
        """Return the records to write for an aiokafka record, in order. There are none if its mapping skips the row.

        If there are several, each gets its position as the header `source_member`.
        """
        source = Source(record.topic, record.partition, record.offset)
        parts = list(self._parts(record))
        written = [self._written(source, record.key, part) for part in parts]
        return [_numbered(each, at) for at, each in enumerate(written)] if len(written) > 1 else written

    def _parts(self, record: Any) -> Iterator[_Event | _Rejected]:
        mapping = self.mappings.get(record.topic) or self.mappings.get(EVERY_TOPIC)
        try:
            if record.value is None:
                yield from _tombstone(mapping)
                return
            value, content = _parsed(record.value)
            if mapping is not None:
                yield from _mapped(value, mapping, self.ids)
                return
            parts = members(value)
            if not parts:
                raise Refused(reasons.MISSING_FIELD, "The record is a batch without events.")
        except Refused as why:
            yield _Rejected(record.value, why)
            return
        received_s = None if record.timestamp < 0 else record.timestamp / 1000
        if len(parts) == 1 and parts[0] is value:
            yield from self._events(value, record.value, content, received_s)
            return
        for part in parts:
            body = _dumped(part)
            yield from self._events(part, body, body, received_s)

    def _events(
        self, value: Any, rejected: bytes, content: bytes, received_s: float | None
    ) -> Iterator[_Event | _Rejected]:
        """Yield the events of one value, or its rejection.

        `content` is its JSON, `rejected` the value for a dead letter.
        """
        try:
            events = [
                _event(part, content if part.event is value else None) for part in self._routed(value, received_s)
            ]
        except Refused as why:
            yield _Rejected(rejected, why)
        else:
            yield from events

    def _routed(self, value: Any, received_s: float | None) -> list[Routed]:
        return routed(value, self.ids, received_s)

    def _written(self, source: Source, key: bytes | None, part: _Event | _Rejected) -> Written:
        if isinstance(part, _Rejected):
            letter = dead_letter(source, key, part.value, part.why, self.wall())
            return Written(DEAD_LETTERS, None, letter, part.why.reason)
        customer = part.customer_id.encode()
        return Written(part.topic, customer, (customer, part.value, source.headers()))


def timestamp_ms(record: Any, now_ms: int) -> int:
    """Return the timestamp to write for a source record: its own, unless it has none or one that Kafka would refuse."""
    return int(now_ms if record.timestamp < 0 else min(record.timestamp, now_ms + _MOST_AHEAD_MS))


def _tombstone(mapping: EventMapping | None) -> Sequence[_Rejected]:
    """Return the rejection of a record without value. With a mapping there is none, because the row was deleted."""
    if mapping is not None:
        return ()
    why = Refused(reasons.NULL_VALUE, "The record has no value; send an event, or nothing.")
    return (_Rejected(None, why),)


def _mapped(value: Any, mapping: EventMapping, ids: Placeholders) -> Iterator[_Event]:
    """Yield the event of a row, if its mapping takes the row. Raises Refused."""
    if not isinstance(value, dict):
        raise Refused(reasons.NOT_AN_OBJECT, f"The value is a JSON {json_name(value)}, not an object.")
    found = mapping.apply(CONNECT.inner(value) if CONNECT.matches(value) else value)
    if found is None:
        return
    event = found.event
    if "event_id" not in event:
        event = {"event_id": content_id(content_of(found.topic, event)), **event}
    for part in routed(event, ids):
        yield _event(part._replace(topic=found.topic), None)


def _event(part: Routed, content: bytes | None) -> _Event:
    """Return an event to write, with `content` as its JSON if that is known. Raises Refused."""
    value = _dumped(part.event) if content is None else content
    if len(value) > MAX_VALUE_BYTES:
        detail = f"The event has {len(value):,} bytes; at most {MAX_VALUE_BYTES:,} are read."
        raise Refused(reasons.TOO_LARGE, detail)
    return _Event(part.topic, part.customer_id, value)


def _parsed(record: bytes) -> tuple[Any, bytes]:
    """Return the JSON value of a record, and its bytes without the header of a schema registry. Raises Refused."""
    for content in (record, unframed(record)):
        if content is not None:
            try:
                return from_json(content), content
            except ValueError:
                pass
    # The reader of events explains why the record is not JSON. The reason is the same for every topic.
    raise EventReader("profiles").read([record]).refused[0]


def _dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _numbered(written: Written, at: int) -> Written:
    key, value, headers = written.message
    return written._replace(message=(key, value, [*headers, (MEMBER, b"%d" % at)]))
