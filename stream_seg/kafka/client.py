"""A short-lived client, and requests for topics, groups and the leaders of partitions.

All functions but `connect` take a started `AIOKafkaClient` on the running loop. They use a connection of their own, so
that a consumer's long fetch does not delay them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaError,
    NotCoordinatorError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.diagnosis import answered, refused

Answer = TypeVar("Answer")

REQUEST_TIMEOUT_MS = 10_000
ATTEMPTS = 5
# A new cluster first creates the topic of group offsets, and a restarted one first reads it.
ATTEMPTS_OF_COORDINATORS = 50
RETRY_S = 0.2
COORDINATOR_ERRORS = (CoordinatorNotAvailableError, NotCoordinatorError, CoordinatorLoadInProgressError)
# aiokafka keeps one connection per broker and group of requests. Any hashable value names a group.
CONNECTION = "offsets"


@contextlib.asynccontextmanager
async def connect(broker: Broker) -> AsyncIterator[AIOKafkaClient]:
    """Yield a started client.

    Raises BrokerUnavailable when no broker answers, BrokerRefused when one rejects this client, and BrokerError in
    place of any KafkaError that the block raises.
    """
    client = AIOKafkaClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **broker.client_options())
    try:
        try:
            await client.bootstrap()
        except (KafkaError, OSError) as error:
            raise await refused(error, broker) from error
        yield client
    except (KafkaError, TimeoutError) as error:
        raise answered(error, broker) from error
    finally:
        await client.close()


def client_of(consumer: Any) -> AIOKafkaClient:
    """Return the client of a started `AIOKafkaConsumer`.

    Patches: `AIOKafkaConsumer._client` (read only)
    Why: The functions of this package need a client, and another one would open further connections.
    Remove when: aiokafka makes the consumer's client public.
    Test: tests/integration/test_consumer_setup.py
    """
    client: AIOKafkaClient = consumer._client
    return client


async def partitions_of(client: AIOKafkaClient, topics: Iterable[str]) -> dict[str, list[int]]:
    """Return the partitions of each existing topic, both in order. Missing topics are left out and not created.

    Raises TopicAuthorizationFailedError for topics that this client may not see.
    """
    names = list(topics)
    # Parse the answer here, because aiokafka's own parser logs an error for each missing topic.
    found = (await retrying(lambda: _metadata(client, names))).topics
    if denied := [topic for code, topic, *_ in found if code == TopicAuthorizationFailedError.errno]:
        raise TopicAuthorizationFailedError(denied)
    numbers = {topic: sorted(number for _, number, *_ in parts) for _, topic, *_, parts in found if parts}
    return {topic: numbers[topic] for topic in names if topic in numbers}


async def _metadata(client: AIOKafkaClient, topics: Sequence[str]) -> Any:
    """Ask a broker for the current metadata of topics, without waiting for the client's own refresh."""
    request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
    return await client.send(client.get_random_node(), request, group=CONNECTION)


async def coordinator(client: AIOKafkaClient, group: str) -> int:
    """Return the id of the broker that coordinates a group."""
    request = FindCoordinatorRequest(group, CoordinationType.GROUP)
    response = await client.send(client.get_random_node(), request, group=CONNECTION)
    raise_for(response.error_code, group)
    node: int = response.coordinator_id
    return node


async def check_group(client: AIOKafkaClient, group: str) -> None:
    """Raise GroupAuthorizationFailedError when this client may not join a consumer group.

    aiokafka would silently try to join without end.
    """

    async def ask() -> None:
        # The heartbeat names no member. The broker checks permissions first, and changes nothing.
        request = HeartbeatRequest(group, -1, "")
        response = await client.send(await coordinator(client, group), request, group=CONNECTION)
        if response.error_code == GroupAuthorizationFailedError.errno:
            raise GroupAuthorizationFailedError(group)

    await retrying(ask)


async def ask_leaders(
    client: AIOKafkaClient,
    partitions: Iterable[TopicPartition],
    ask: Callable[[int, Sequence[TopicPartition]], Awaitable[dict[TopicPartition, Answer]]],
) -> dict[TopicPartition, Answer]:
    """Call `ask(leader, its partitions)` for all leaders at once, and return the merged answers."""
    wanted = list(partitions)

    async def once() -> dict[TopicPartition, Answer]:
        leaders = await _leaders(client, wanted)
        found = await asyncio.gather(*(ask(node, mine) for node, mine in leaders.items()))
        return {tp: value for answer in found for tp, value in answer.items()}

    return await retrying(once)


async def _leaders(client: AIOKafkaClient, partitions: Sequence[TopicPartition]) -> dict[int, list[TopicPartition]]:
    """Return partitions by their leader, from fresh metadata.

    Raises UnknownTopicOrPartitionError for partitions that do not exist or have no leader.
    """
    if not partitions:
        return {}
    cluster = ClusterMetadata()
    cluster.update_metadata(await _metadata(client, sorted({tp.topic for tp in partitions})))
    if denied := cluster.unauthorized_topics:
        raise TopicAuthorizationFailedError(denied)
    leaders: dict[int, list[TopicPartition]] = defaultdict(list)
    for tp in partitions:
        node = cluster.leader_for_partition(tp)
        if node is None or node == -1:
            raise UnknownTopicOrPartitionError(f"{tp.topic} [{tp.partition}]")
        leaders[node].append(tp)
    return leaders


async def retrying(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer of `ask`, repeated while leaders and coordinators move.

    Raises the KafkaError of the last attempt.
    """
    for attempt in itertools.count(1):
        try:
            return await ask()
        except KafkaError as error:
            attempts = ATTEMPTS_OF_COORDINATORS if isinstance(error, COORDINATOR_ERRORS) else ATTEMPTS
            if not error.retriable or attempt >= attempts:
                raise
        await asyncio.sleep(RETRY_S)
    raise AssertionError("unreachable")


def by_topic(items: Iterable[tuple[TopicPartition, Any]]) -> list[tuple[str, list[Any]]]:
    """Group items as Kafka's requests do: (topic, [item of each partition])."""
    topics: dict[str, list[Any]] = defaultdict(list)
    for tp, wanted in items:
        topics[tp.topic].append(wanted)
    return list(topics.items())


def answers(topics: Iterable[Any]) -> Iterable[tuple[TopicPartition, Sequence[Any]]]:
    """Flatten Kafka's responses to (partition, the fields after its number)."""
    for topic, partitions in topics:
        for partition, *fields in partitions:
            yield TopicPartition(topic, partition), fields


def raise_for(error_code: int, subject: object) -> None:
    """Raise the KafkaError of a code other than 0."""
    if error_code:
        named = f"{subject.topic} [{subject.partition}]" if isinstance(subject, TopicPartition) else str(subject)
        raise for_code(error_code)(named)
