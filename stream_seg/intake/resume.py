"""Find where an intake continues, from committed offsets and from the records that the destinations hold."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.offsets import commits, high_watermarks, log_starts
from stream_seg.kafka.reader import read_between

from .progress import Bounds, Found, decoded
from .topics import Destinations

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Owned:
    """A source partition that this process reads.

    `position` is the first offset that is not written in full. Up to `settled` (excluded) records may be written
    already, at `bounds` or later.
    """

    position: int
    settled: int
    bounds: Bounds


@dataclass(slots=True)
class Assignment:
    """The source partitions that a rebalance assigned to this process.

    `ends` are bounds for all settled partitions, namely the last known ends of the destinations.
    """

    owned: dict[TopicPartition, Owned] = field(default_factory=dict)
    found: Found = field(default_factory=lambda: Found({}))
    ends: dict[TopicPartition, int] = field(default_factory=dict)

    def bounds(self, partition: TopicPartition) -> Bounds:
        """Return the bounds to commit for a partition."""
        owned = self.owned[partition]
        return owned.bounds if owned.position < owned.settled else self.ends


@dataclass(frozen=True)
class Resuming:
    """A search for the position to continue from. `client` is connected to `broker`."""

    broker: Broker
    client: AIOKafkaClient
    group: str
    destinations: Destinations

    async def resume(self, partitions: Collection[TopicPartition], still: Callable[[], bool]) -> Assignment | None:
        """Return the positions of source partitions, or None as soon as `still()` says that they have moved away.

        Without known bounds, the destinations are read completely. Raises BrokerError or KafkaError.
        """
        committed = await commits(self.client, self.group, partitions)
        starts = await log_starts(self.client, partitions)
        sources = await high_watermarks(self.broker, self.client, partitions)
        ends = await high_watermarks(self.broker, self.client, self.destinations.partitions)
        owned = {
            tp: Owned(_position(tp, committed[tp], starts[tp], sources[tp]), 0, self._bounds(committed[tp]))
            for tp in partitions
        }
        found = Found({tp: each.position for tp, each in owned.items()})
        lowest = {tp: min((each.bounds.get(tp, 0) for each in owned.values()), default=end) for tp, end in ends.items()}
        async for _, records in read_between(self.broker, lowest, ends):
            if not still():
                return None
            for record in records:
                found.add(record)
        for tp, each in owned.items():
            each.settled = found.last(tp) + 1
        return Assignment(owned, found, dict(ends))

    def _bounds(self, commit: OffsetAndMetadata | None) -> Mapping[TopicPartition, int]:
        if commit is None or not commit.metadata:
            return {}
        return decoded(commit.metadata, self.destinations.topics) or {}


def _position(tp: TopicPartition, commit: OffsetAndMetadata | None, start: int, end: int) -> int:
    """Return the offset to continue from, by the commit and the records that the partition still has."""
    if commit is None:
        return start
    offset = int(commit.offset)
    if offset < start:
        log.warning(
            "retention removed records before the intake read them: %d of %s [%d]",
            start - offset,
            tp.topic,
            tp.partition,
        )
        return start
    if offset > end:
        log.warning("%s [%d] begins anew: it ends before the committed offset", tp.topic, tp.partition)
        return start
    return offset
