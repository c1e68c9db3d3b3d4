"""Appending many messages to a topic, and waiting until the broker has them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from stream_seg.contracts.model import ModelSnapshot

Message = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]  # key, value, headers
PublishSnapshot = Callable[[ModelSnapshot], Awaitable[None]]  # returns when the broker has it


class Appended(NamedTuple):
    """Where a batch went: the offsets of its first and last message."""

    first: int
    last: int


async def append_all(
    producer: Any, topic: str, by_partition: Mapping[int, Iterable[Message]], timestamp_ms: int
) -> dict[int, list[Appended]]:
    """Append messages to partitions of `topic`, in order within each; returns when all are acknowledged.

    `producer` is a started aiokafka producer. A send error is raised: whoever calls must not go on as if sent.
    """
    partitions = list(by_partition)
    results = await asyncio.gather(
        *(_append(producer, topic, partition, by_partition[partition], timestamp_ms) for partition in partitions)
    )
    return dict(zip(partitions, results, strict=True))


async def append_snapshot(producer: Any, topic: str, snapshot: ModelSnapshot, wall_s: float) -> None:
    """Append a model snapshot under its version; raises as `append_all`. `wall_s`: now, epoch seconds."""
    message: Message = (str(snapshot.version).encode(), snapshot.dumps(), ())
    await append_all(producer, topic, {0: [message]}, int(wall_s * 1000))


async def _append(
    producer: Any, topic: str, partition: int, messages: Iterable[Message], timestamp_ms: int
) -> list[Appended]:
    sent: list[tuple[Any, int]] = []
    batch = producer.create_batch()
    for key, value, headers in messages:
        if batch.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers)) is None:
            sent.append((await _send(producer, batch, topic, partition), batch.record_count()))
            batch = producer.create_batch()
            if batch.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers)) is None:
                raise ValueError(f"a message of {len(value or b'')} bytes does not fit a batch for {topic}")
    if batch.record_count():
        sent.append((await _send(producer, batch, topic, partition), batch.record_count()))
    bases = [((await acknowledged).offset, count) for acknowledged, count in sent]
    return [Appended(base, base + count - 1) for base, count in bases]


async def _send(producer: Any, batch: Any, topic: str, partition: int) -> Any:
    batch.close()  # a closed batch leaves at once, an open one lingers for more
    return await producer.send_batch(batch, topic, partition=partition)
