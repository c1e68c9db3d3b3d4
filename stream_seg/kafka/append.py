"""Appends many messages to a topic and waits until the broker has acknowledged them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.structs import TopicPartition

from stream_seg.contracts.model import ModelSnapshot

Message = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]  # key, value, headers
PublishSnapshot = Callable[[ModelSnapshot], Awaitable[None]]  # returns when the broker has acknowledged it


class Appended(NamedTuple):
    """The offsets of the first and last message of a batch."""

    first: int
    last: int


async def append_all(
    producer: Any, topic: str, by_partition: Mapping[int, Iterable[Message]], timestamp_ms: int
) -> dict[int, list[Appended]]:
    """Append messages to partitions of `topic`, in order within each, and return when all are acknowledged.

    `producer` is a started aiokafka producer. All messages get the same timestamp. Raises send
    errors, because the caller must not go on as if the messages were sent.
    """
    stamped = {
        TopicPartition(topic, number): ((message, timestamp_ms) for message in messages)
        for number, messages in by_partition.items()
    }
    return {tp.partition: appended for tp, appended in (await append_stamped(producer, stamped)).items()}


async def append_stamped(
    producer: Any, by_partition: Mapping[TopicPartition, Iterable[tuple[Message, int]]]
) -> dict[TopicPartition, list[Appended]]:
    """Append messages with a timestamp each, in epoch milliseconds. Otherwise like `append_all`."""
    results = await asyncio.gather(
        *(_append(producer, partition, messages) for partition, messages in by_partition.items())
    )
    return dict(zip(by_partition, results, strict=True))


async def append_snapshot(producer: Any, topic: str, snapshot: ModelSnapshot, wall_s: float) -> None:
    """Append a model snapshot under its dimension and version. `wall_s` is now, in epoch seconds.

    Raises like `append_all`.
    """
    message: Message = (f"{snapshot.dimension}/{snapshot.version}".encode(), snapshot.dumps(), ())
    await append_all(producer, topic, {0: [message]}, int(wall_s * 1000))


async def _append(producer: Any, tp: TopicPartition, messages: Iterable[tuple[Message, int]]) -> list[Appended]:
    sent: list[tuple[Any, int]] = []
    batch = producer.create_batch()
    for (key, value, headers), timestamp_ms in messages:
        if batch.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers)) is None:
            sent.append((await _send(producer, batch, tp), batch.record_count()))
            batch = producer.create_batch()
            if batch.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers)) is None:
                raise ValueError(f"a message of {len(value or b'')} bytes does not fit a batch for {tp.topic}")
    if batch.record_count():
        sent.append((await _send(producer, batch, tp), batch.record_count()))
    bases = [((await acknowledged).offset, count) for acknowledged, count in sent]
    return [Appended(base, base + count - 1) for base, count in bases]


async def _send(producer: Any, batch: Any, tp: TopicPartition) -> Any:
    batch.close()  # a closed batch is sent at once, but an open one waits for more messages
    return await producer.send_batch(batch, tp.topic, partition=tp.partition)
