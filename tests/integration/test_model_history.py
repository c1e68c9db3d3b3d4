"""An operator publishes a model while others publish at the same moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.errors import BrokerError, ConcurrentUpdate
from stream_seg.kafka.append import append_all
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import started_producer
from stream_seg.kafka.reader import read_all
from stream_seg.learning.publishing import governance
from stream_seg.tools.model_history import TRIES, publish_as_operator, read_history
from stream_seg.tools.topics import TopicSpec, create_topics
from tests.unit.learning.snapshots import snapshot

Make = Callable[[ModelSnapshot, int, str], ModelSnapshot]


@pytest.fixture
def topic(broker: Broker, prefix: str) -> str:
    """Yield a topic with model 1."""
    name = f"{prefix}segment-models"
    asyncio.run(create_topics(broker, [TopicSpec(name, 1, 1)]))
    append(broker, name, snapshot(1))
    return name


def append(broker: Broker, topic: str, *snapshots: ModelSnapshot) -> None:
    """Append snapshots as a learner does, on a separate thread, so that it works under any running loop."""

    async def send() -> None:
        async with started_producer(broker) as producer:
            messages = [(f"behavior/{each.version}".encode(), each.dumps(), ()) for each in snapshots]
            await append_all(producer, topic, {0: messages}, 1_700_000_000_000)

    thread = threading.Thread(target=lambda: asyncio.run(send()))
    thread.start()
    thread.join()


def overtaken(broker: Broker, topic: str, times: int) -> tuple[Make, list[ModelSnapshot]]:
    """Roll back to the active model while a learner publishes just before, several times, and return the
    publication.
    """
    rivals: list[ModelSnapshot] = []

    def make(latest: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
        if len(rivals) < times:
            rivals.append(snapshot(version, clock=float(version)))
            append(broker, topic, rivals[-1])
        return governance.rolled_back(snapshot(1), latest, version, created_at)

    return make, rivals


def test_who_is_overtaken_tries_again_on_top(broker: Broker, topic: str) -> None:
    make, rivals = overtaken(broker, topic, 2)
    lost: list[int] = []
    published = asyncio.run(publish_as_operator(broker, topic, make, lost.append))
    assert (published.version, published.parent, published.content_of, lost) == (4, 3, 1, [2, 3])
    history = asyncio.run(read_history(broker, topic))
    assert history.latest == published
    assert list(history.accepted.values()) == [snapshot(1), *rivals, published]
    assert [(each.version, each.reason) for each, _ in history.superseded] == [(2, "rollback"), (3, "rollback")]
    # Compaction leaves the same result.
    last = asyncio.run(last_messages(broker, topic))
    assert [last[f"behavior/{each.version}".encode()] for each in (*rivals, published)] == [
        each.dumps() for each in (*rivals, published)
    ]


def test_a_command_that_is_always_overtaken_gives_up_with_a_reason(broker: Broker, topic: str) -> None:
    make, _ = overtaken(broker, topic, TRIES)
    with pytest.raises(ConcurrentUpdate, match="5 times; nothing was changed, try again"):
        asyncio.run(publish_as_operator(broker, topic, make, lambda _: None))
    history = asyncio.run(read_history(broker, topic))
    assert history.latest is not None
    assert history.latest.reason == "scheduled"


def test_without_a_model_there_is_nothing_to_choose(broker: Broker, prefix: str) -> None:
    asyncio.run(create_topics(broker, [TopicSpec(f"{prefix}empty", 1, 1)]))
    make, _ = overtaken(broker, f"{prefix}empty", 0)
    with pytest.raises(BrokerError, match="no model has been published yet"):
        asyncio.run(publish_as_operator(broker, f"{prefix}empty", make, lambda _: None))


async def last_messages(broker: Broker, topic: str) -> dict[bytes, bytes]:
    """Return the last message under each key."""
    found: dict[bytes, bytes] = {}
    async for _, records in read_all(broker, topic):
        found |= {record.key: record.value for record in records}
    return found
