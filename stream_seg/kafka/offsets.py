"""The start and end of partitions and the committed offsets of groups, asked from the brokers directly.

All functions take a started `AIOKafkaClient` on the running loop (`client.connect` makes one). They raise
`aiokafka.errors.KafkaError` for an error in a broker's answer (`connect` turns it into a BrokerError), after retries
while leaders move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaTimeoutError
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import CONNECTION, answers, ask_leaders, by_topic, coordinator, raise_for, retrying

LATEST, EARLIEST = -1, -2
READ_UNCOMMITTED = 0
# Enough for most first batches. A larger batch comes alone in its response.
BYTES_PER_PARTITION = 65_536
# How long a broker may take to find an existing record. Apache Kafka answers at once. The embedded broker may take
# longer, and then answers with no record.
FETCH_WAITS_MS = (100, 1000, 1000, 1000, 1000, 1000)


async def high_watermarks(
    broker: Broker, client: AIOKafkaClient, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return the offset that the next record of each partition will get. `client` is connected to `broker`."""

    async def ask(node: int, mine: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        ends = await _list_offsets(client, node, mine, LATEST)
        return await EmbeddedBrokerQuirks.high_watermarks(client, node, ends) if broker.embedded else ends

    return await ask_leaders(client, partitions, ask)


async def log_starts(client: AIOKafkaClient, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the offset of the oldest record that each partition still has."""

    async def ask(node: int, mine: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await _list_offsets(client, node, mine, EARLIEST)

    return await ask_leaders(client, partitions, ask)


async def committed(
    client: AIOKafkaClient, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """Return the offset that a group continues from in each partition, or None where it never committed.

    The group needs no running member.
    """
    found = await commits(client, group, partitions)
    return {tp: None if each is None else each.offset for tp, each in found.items()}


async def commits(
    client: AIOKafkaClient, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata | None]:
    """Return the offset and metadata that a group committed for each partition, or None where it never committed.

    The embedded broker keeps no metadata, so it is empty there.
    """
    request = OffsetFetchRequest(group, by_topic((tp, tp.partition) for tp in partitions))

    async def ask() -> dict[TopicPartition, OffsetAndMetadata | None]:
        response = await client.send(await coordinator(client, group), request, group=CONNECTION)
        raise_for(getattr(response, "error_code", 0), group)
        found: dict[TopicPartition, OffsetAndMetadata | None] = {}
        for tp, (offset, metadata, error_code) in answers(response.topics):
            raise_for(error_code, tp)
            found[tp] = OffsetAndMetadata(offset, metadata or "") if offset >= 0 else None
        return found

    return await retrying(ask)


async def commit(client: AIOKafkaClient, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit offsets for a group that has no members. It continues from them."""
    wanted = by_topic((tp, (tp.partition, offset, "")) for tp, offset in offsets.items())
    request = OffsetCommitRequest(group, -1, "", -1, wanted)  # no generation, no member, the broker's own retention

    async def ask() -> None:
        response = await client.send(await coordinator(client, group), request, group=CONNECTION)
        for tp, (error_code,) in answers(response.topics):
            raise_for(error_code, tp)

    await retrying(ask)


async def record_timestamps_at(
    client: AIOKafkaClient, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, float]:
    """Return the timestamp (epoch seconds) of the first record at or after an offset, below the high watermark.

    Partitions that have only transaction markers there are left out. Raises KafkaTimeoutError when a broker does not
    deliver existing records.
    """

    async def ask(node: int, mine: Sequence[TopicPartition]) -> dict[TopicPartition, float]:
        found: dict[TopicPartition, float] = {}
        reached = {tp: positions[tp] for tp in mine}
        waits_ms = iter(FETCH_WAITS_MS)
        wait_ms = next(waits_ms)
        while waiting := {tp: at for tp, at in reached.items() if tp not in found and at < ends[tp]}:
            # A response has at least one complete batch, of the first partition that has any.
            timestamps, passed = await _fetch_timestamps(client, node, waiting, wait_ms)
            if not timestamps and not passed:
                wait_ms = next(waits_ms, 0)
                if not wait_ms:
                    raise KafkaTimeoutError(f"no record of {list(waiting)} in {sum(FETCH_WAITS_MS) / 1000:g} s")
            found |= timestamps
            reached |= passed
        return found

    return await ask_leaders(client, positions, ask)


class EmbeddedBrokerQuirks:
    """Requests for offsets that only the embedded broker (Tansu 0.6) needs.

    Its ListOffsets(LATEST) answers with the base offset of the last batch + 1, not with the end of the log. The high
    watermark in a Fetch is right. A Fetch whose maximum wait is zero, or ran out, may leave partitions out.
    """

    WAITS_MS = (1, 10, 100, 1000, 1000, 1000, 1000, 1000)

    @classmethod
    async def high_watermarks(
        cls, client: AIOKafkaClient, node: int, ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Return the high watermarks of a Fetch from the ends that ListOffsets gave."""
        found: dict[TopicPartition, int] = {}
        missing = dict(ends)
        for wait_ms in cls.WAITS_MS:
            response = await fetch(client, node, missing, wait_ms=wait_ms, max_bytes=1)
            for tp, (error_code, high_watermark, *_) in answers(response.topics):
                raise_for(error_code, tp)
                found[tp] = high_watermark
            missing = {tp: end for tp, end in ends.items() if tp not in found}
            if not missing:
                return found
        raise KafkaTimeoutError(f"the embedded broker gives no high watermark for {list(missing)}")


async def _list_offsets(
    client: AIOKafkaClient, node: int, partitions: Sequence[TopicPartition], time: int
) -> dict[TopicPartition, int]:
    request = OffsetRequest(-1, READ_UNCOMMITTED, by_topic((tp, (tp.partition, time)) for tp in partitions))
    response = await client.send(node, request, group=CONNECTION)
    offsets: dict[TopicPartition, int] = {}
    for tp, (error_code, _timestamp, offset) in answers(response.topics):
        raise_for(error_code, tp)
        offsets[tp] = offset
    return offsets


async def fetch(
    client: AIOKafkaClient, node: int, positions: Mapping[TopicPartition, int], *, wait_ms: int, max_bytes: int
) -> Any:
    """Fetch complete batches from the leader `node`, about `max_bytes` from an offset of each partition."""
    wanted = by_topic((tp, (tp.partition, offset, max_bytes)) for tp, offset in positions.items())
    request = FetchRequest(wait_ms, 1, max_bytes * len(positions), READ_UNCOMMITTED, wanted)
    return await client.send(node, request, group=CONNECTION)


async def _fetch_timestamps(
    client: AIOKafkaClient, node: int, positions: Mapping[TopicPartition, int], wait_ms: int
) -> tuple[dict[TopicPartition, float], dict[TopicPartition, int]]:
    """Return timestamps of first records, and the offset after the batches of partitions that have no record."""
    response = await fetch(client, node, positions, wait_ms=wait_ms, max_bytes=BYTES_PER_PARTITION)
    found: dict[TopicPartition, float] = {}
    passed: dict[TopicPartition, int] = {}
    for tp, (error_code, *_, records) in answers(response.topics):
        raise_for(error_code, tp)
        timestamp_ms, end = _timestamp_ms_at(records, positions[tp])
        if timestamp_ms is not None:
            found[tp] = timestamp_ms / 1000
        elif end > positions[tp]:
            passed[tp] = end
    return found, passed


def _timestamp_ms_at(records: bytes | None, offset: int) -> tuple[int | None, int]:
    """Return the timestamp of the first record at or after `offset`, or None, and the end of the complete batches.

    The last batch may be cut off, and then does not count. Transaction markers are no records.
    """
    end = offset
    batches = MemoryRecords(records or b"")
    while batches.has_next():
        batch = batches.next_batch()
        end = max(end, batch.next_offset)
        if batch.is_control_batch:
            continue
        for record in batch:
            if record.offset >= offset:
                return int(record.timestamp), end
    return None, end
