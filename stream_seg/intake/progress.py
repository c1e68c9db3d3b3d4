"""How far a source partition is written: where to look for records that are there already, and which those are.

With each offset the intake commits bounds: per destination partition an offset before which nothing is that comes of
this offset or a later one. After a crash, the destinations are read from their bounds on.
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
# Low bits to leave out before partitions share a bound: up to 4,096 records a partition are read in vain.
_SHIFTS: Final = (0, 4, 8, 12)
_LOG_APPEND_TIME: Final = 1

Bounds = Mapping[TopicPartition, int]


def encoded(bounds: Bounds, topics: Sequence[str]) -> str:
    """Return bounds as metadata of at most METADATA_BYTES characters; `topics` are the destinations, in a fixed order.

    Where exact bounds do not fit, lower ones are written, which are as right and cost more reading: first without low
    bits, then one for 2, 4, 8... neighboring partitions together.
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
    """Return the bounds that metadata holds; None where it is not of this intake, or of other topics."""
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
    """Return the source that the headers of an aiokafka record name; None where they name none."""
    said = {name: value for name, value in record.headers if value is not None}
    try:
        partition = TopicPartition(said["source_topic"].decode(), int(said["source_partition"]))
        return Coordinates(partition, int(said["source_offset"]), int(said.get(MEMBER, b"0")))
    except (KeyError, ValueError):
        return None


class Found:
    """Records that the destinations hold already, of source partitions from given offsets on.

    `positions` are the first offset of each partition that matters.
    """

    def __init__(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = positions
        self._timestamps: dict[Coordinates, int | None] = {}
        self._last: dict[TopicPartition, int] = {}

    def add(self, record: Any) -> None:
        """Take in an aiokafka record of a destination, whoever wrote it."""
        source = coordinates(record)
        if source is None or source.offset < self._positions.get(source.partition, source.offset + 1):
            return
        # A topic that takes the time of appending does not keep the source's.
        kept = record.timestamp_type != _LOG_APPEND_TIME
        self._timestamps[source] = record.timestamp if kept else None
        self._last[source.partition] = max(source.offset, self._last.get(source.partition, -1))

    def last(self, partition: TopicPartition) -> int:
        """The largest source offset of a partition that was found; -1 where none was."""
        return self._last.get(partition, -1)

    def has(self, record: Any, member: int, timestamp_ms: int) -> bool:
        """Whether a member of a source record is written, which would be written with this timestamp.

        Another timestamp says that the source topic was deleted and made again, and its offsets began anew. A timestamp
        that differs from the source's own was moved towards the clock of that moment, and says nothing.
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
    """A number in groups of seven bits, the lowest first; the highest bit of a byte says that more follow."""
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
