"""Track which source records are written, so that a restart finds the ones that the destinations already hold.

With each source offset the intake commits bounds. A bound is an offset per destination partition. All records written
for this source offset or a later one are at the bound or after it. After a crash, the intake reads the destinations
from their bounds on.
"""

from __future__ import annotations

from base64 import b85decode, b85encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka.structs import TopicPartition
from xxhash import xxh32_digest

from .plan import MEMBER

# Kafka's default of offset.metadata.max.bytes.
METADATA_BYTES: Final = 4_096
_VERSION: Final = b"\x01"
# Low bits to drop before partitions share a bound. This reads up to 4,096 extra records per partition.
_SHIFTS: Final = (0, 4, 8, 12)
_LOG_APPEND_TIME: Final = 1

Bounds = Mapping[TopicPartition, int]


def encoded(bounds: Bounds, topics: Sequence[str]) -> str:
    """Return bounds as metadata of at most METADATA_BYTES characters. `topics` are the destinations in a fixed order.

    If exact bounds do not fit, lower bounds are written. They are also correct, but cost more reading. First they lose
    low bits, then 2, 4, 8... neighboring partitions share one.
    """
    by_topic = [_numbers(bounds, topic) for topic in topics]
    block = 1
    while True:
        for shift in _SHIFTS:
            text = b85encode(_packed(by_topic, topics, block, shift)).decode()
            if len(text) <= METADATA_BYTES:
                return text
        block *= 2


def decoded(metadata: str, topics: Sequence[str]) -> dict[TopicPartition, int] | None:
    """Return the bounds in metadata, or None if another program or an intake with other topics wrote it."""
    try:
        content = b85decode(metadata)
        head = _VERSION + _digest(topics)
        if not content.startswith(head):
            return None
        numbers = _varints(content[len(head) :])
        block, shift = next(numbers), next(numbers)
        bounds: dict[TopicPartition, int] = {}
        for topic in topics:
            count, base = next(numbers), next(numbers)
            values = [base + next(numbers) for _ in range(-(-count // block))]
            bounds |= {TopicPartition(topic, number): values[number // block] << shift for number in range(count)}
    except (ValueError, StopIteration, ZeroDivisionError):
        return None
    return bounds


class Coordinates(NamedTuple):
    """The source of a written record: a partition, an offset, and the position among those of the same offset."""

    partition: TopicPartition
    offset: int
    member: int


def coordinates(record: Any) -> Coordinates | None:
    """Return the source in the headers of an aiokafka record, or None if they name none."""
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        partition = TopicPartition(headers["source_topic"].decode(), int(headers["source_partition"]))
        return Coordinates(partition, int(headers["source_offset"]), int(headers.get(MEMBER, b"0")))
    except (KeyError, ValueError):
        return None


class Found:
    """The source records that the destinations already hold.

    `positions` are the first relevant offsets by source partition.
    """

    def __init__(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = positions
        self._timestamps: dict[Coordinates, int | None] = {}
        self._last: dict[TopicPartition, int] = {}

    def add(self, record: Any) -> None:
        """Take in an aiokafka record of a destination, written by any program."""
        source = coordinates(record)
        if source is None or source.offset < self._positions.get(source.partition, source.offset + 1):
            return
        # A topic with LogAppendTime does not keep the timestamp of the source.
        kept = record.timestamp_type != _LOG_APPEND_TIME
        self._timestamps[source] = record.timestamp if kept else None
        self._last[source.partition] = max(source.offset, self._last.get(source.partition, -1))

    def last(self, partition: TopicPartition) -> int:
        """Return the largest source offset that was found for a partition, or -1 if there is none."""
        return self._last.get(partition, -1)

    def has(self, record: Any, member: int, timestamp_ms: int) -> bool:
        """Return whether a member of a source record was written. `timestamp_ms` is the timestamp to write it with.

        A different timestamp shows that the source topic was deleted and created again, with new offsets. A timestamp
        that is not the source's own was limited by the clock of that moment, so it is not compared.
        """
        partition = TopicPartition(record.topic, record.partition)
        if record.offset > self.last(partition):
            return False
        source = Coordinates(partition, record.offset, member)
        if source not in self._timestamps:
            return False
        found = self._timestamps[source]
        return found is None or timestamp_ms != record.timestamp or found == timestamp_ms


def _numbers(bounds: Bounds, topic: str) -> list[int]:
    count = max((tp.partition for tp in bounds if tp.topic == topic), default=-1) + 1
    return [bounds.get(TopicPartition(topic, number), 0) for number in range(count)]


def _packed(by_topic: Sequence[Sequence[int]], topics: Sequence[str], block: int, shift: int) -> bytes:
    packed = bytearray(_VERSION + _digest(topics))
    _append(packed, block)
    _append(packed, shift)
    for numbers in by_topic:
        lows = [min(numbers[at : at + block]) >> shift for at in range(0, len(numbers), block)]
        base = min(lows, default=0)
        _append(packed, len(numbers))
        _append(packed, base)
        for low in lows:
            _append(packed, low - base)
    return bytes(packed)


def _digest(topics: Sequence[str]) -> bytes:
    return xxh32_digest("\0".join(topics).encode())


def _append(packed: bytearray, number: int) -> None:
    """Append a number in groups of seven bits, the lowest first. The highest bit of a byte marks that more follow."""
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
