"""The stored batches of a topic, with codec and size."""

from __future__ import annotations

import asyncio
import struct
from typing import Final, NamedTuple

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.offsets import high_watermarks, log_starts

# Indexed by the low bits of a batch's attributes.
CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
# Base offset, length of the rest, leader epoch, magic, checksum, attributes, last offset as a difference.
_HEADER: Final = struct.Struct(">qiibihi")
_BEFORE_LENGTH: Final = 12
FETCH_BYTES: Final = 1_000_000
WAIT_MS: Final = 1_000


class Batch(NamedTuple):
    """One batch of records: its codec, its size in bytes, and the number of its offsets."""

    codec: str
    size: int
    offsets: int


def stored_batches(broker: Broker, topic: str) -> list[Batch]:
    """Return all batches of a topic, partition by partition. Raises BrokerError."""
    return asyncio.run(_stored(broker, topic))


async def _stored(broker: Broker, topic: str) -> list[Batch]:
    found: list[Batch] = []
    async with connect(broker) as client:
        numbers = (await partitions_of(client, [topic]))[topic]
        tps = [TopicPartition(topic, number) for number in numbers]
        at, ends = await log_starts(client, tps), await high_watermarks(broker, client, tps)
        for tp in tps:
            while at[tp] < ends[tp]:
                request = FetchRequest(WAIT_MS, 1, FETCH_BYTES, 0, [(topic, [(tp.partition, at[tp], FETCH_BYTES)])])
                answer = await client.send(client.get_random_node(), request)
                ((_, ((_, error, *_, records),)),) = answer.topics
                assert error == 0, f"the broker answers a fetch of {tp} with error {error}"
                for first, batch in _whole_batches(records):
                    found.append(batch)
                    at[tp] = first + batch.offsets
    return found


def _whole_batches(records: bytes) -> list[tuple[int, Batch]]:
    """Return the complete batches in the records of a fetch, each with its first offset."""
    found, begin = [], 0
    while begin + _HEADER.size <= len(records):
        first, length, _, _, _, attributes, last = _HEADER.unpack_from(records, begin)
        size = _BEFORE_LENGTH + length
        if begin + size > len(records):
            break
        found.append((first, Batch(CODECS[attributes & 0b111], size, last + 1)))
        begin += size
    return found
