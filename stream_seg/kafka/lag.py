"""The lag of a consumer group per partition, in events and in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.offsets import committed, high_watermarks, log_starts, record_timestamps_at


@dataclass(frozen=True)
class PartitionLag:
    """The lag of a group in one partition.

    `end` is the offset of the next record to come. `committed` is the offset that the group continues from, or None
    when it has never committed and reads from the beginning. `lag_seconds` is the age of the first unread record.
    """

    topic: str
    partition: int
    end: int
    committed: int | None
    lag_events: int
    lag_seconds: float


async def measure_lag(broker: Broker, group: str, topics: Iterable[str], *, now_s: float) -> list[PartitionLag]:
    """Return the lag of a group, by topic (in the order given) and partition, whether or not any member runs.

    `now_s` is the wall clock, epoch seconds. Raises BrokerError when the broker or a topic cannot be used.
    """
    async with connect(broker) as client:
        return await client_lag(broker, client, group, topics, now_s=now_s)


async def client_lag(
    broker: Broker, client: AIOKafkaClient, group: str, topics: Iterable[str], *, now_s: float
) -> list[PartitionLag]:
    """Return the same through a client that is connected to `broker`."""
    partitions = await _partitions(client, list(topics))
    # Ask for committed offsets first, so that none of them is above an end.
    commits = await committed(client, group, partitions)
    starts = await log_starts(client, partitions)
    ends = await high_watermarks(broker, client, partitions)
    # Records that retention removed before the group read them do not count as lag.
    unread = {tp: max(commits[tp] or 0, starts[tp]) for tp in partitions}
    behind = {tp: offset for tp, offset in unread.items() if offset < ends[tp]}
    # The rest of a partition may be transaction markers alone, which are never absorbed.
    since = await record_timestamps_at(client, behind, ends)
    return [
        PartitionLag(
            topic=tp.topic,
            partition=tp.partition,
            end=ends[tp],
            committed=commits[tp],
            lag_events=ends[tp] - unread[tp] if tp in since else 0,
            lag_seconds=max(0.0, now_s - since[tp]) if tp in since else 0.0,
        )
        for tp in partitions
    ]


async def _partitions(client: AIOKafkaClient, topics: list[str]) -> list[TopicPartition]:
    found = await partitions_of(client, topics)
    missing = [topic for topic in topics if topic not in found]
    if missing:
        raise BrokerError(f"no such topic: {', '.join(missing)}; create them with `stream-seg topics create`")
    return [TopicPartition(topic, partition) for topic in topics for partition in found[topic]]
