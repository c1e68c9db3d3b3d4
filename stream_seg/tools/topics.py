"""Create the topics of a deployment, and check those that exist."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.structs import TopicPartition

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.offsets import log_starts
from stream_seg.settings import Settings

VISIBLE_WITHIN_S = 10.0
POLL_S = 0.05

COMPACTED = {"cleanup.policy": "compact"}
KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1"}


@dataclass(frozen=True)
class TopicSpec:
    """The required properties of a topic. All `copartitioned` topics must have the same partition count."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    copartitioned: bool = False


@dataclass(frozen=True)
class Problem:
    """A problem of a topic and its remedy, both as text for the operator."""

    topic: str
    problem: str
    remedy: str


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Return all topics of a deployment: inputs, the workers' changelog, outputs, and those of the model."""
    many, replication = settings.partitions, settings.replication_factor
    return [
        *(TopicSpec(settings.topic(name), many, replication, copartitioned=True) for name in TOPICS),
        TopicSpec(settings.changelog, many, replication, COMPACTED, copartitioned=True),
        TopicSpec(settings.topic("segment-changes"), many, replication, KEPT_FOR_EVER),
        TopicSpec(settings.topic("dead-letters"), many, replication),
        TopicSpec(settings.topic("segment-models"), 1, replication, COMPACTED),
        TopicSpec(settings.topic("segment-drift"), 1, replication),
        TopicSpec(settings.topic("segment-samples"), 1, replication),
    ]


async def create_topics(broker: Broker, specs: Sequence[TopicSpec], clock: Clock = SYSTEM_CLOCK) -> list[str]:
    """Create missing topics and return their names. Existing topics stay unchanged.

    Returns when the brokers know the new topics and the leader of each partition answers for it. Raises BrokerError if
    no broker answers, or if one refuses.
    """
    async with connect(broker) as client:
        existing = await partitions_of(client, [spec.name for spec in specs])
        missing = [spec for spec in specs if spec.name not in existing]
        if not missing:
            return []
        async with _admin(broker) as admin:
            created = await _create(admin, missing)
        await _wait_until_usable(client, [spec.name for spec in missing], clock)
    return created


async def check_topics(broker: Broker, specs: Sequence[TopicSpec]) -> list[Problem]:
    """Return the problems of the topics of a deployment, in the order of `specs`. Raises BrokerError."""
    async with connect(broker) as client:
        existing = await partitions_of(client, [spec.name for spec in specs])
        async with _admin(broker) as admin:
            configs = await _configs(admin, list(existing))
    counts = {topic: len(partitions) for topic, partitions in existing.items()}
    problems = [problem for spec in specs for problem in _problems(spec, counts, configs.get(spec.name, {}))]
    return problems + _copartitioning([spec for spec in specs if spec.copartitioned], counts)


async def missing_topics(broker: Broker, topics: Sequence[str]) -> list[str]:
    """Return those of some topics that do not exist, such as topics that the intake should read. Raises BrokerError."""
    if not topics:
        return []
    async with connect(broker) as client:
        existing = await partitions_of(client, topics)
    return [topic for topic in topics if topic not in existing]


def _problems(spec: TopicSpec, counts: Mapping[str, int], config: Mapping[str, str]) -> list[Problem]:
    if spec.name not in counts:
        return [Problem(spec.name, "does not exist", "run `stream-seg topics create`")]
    problems = []
    if counts[spec.name] != spec.partitions:
        problems.append(_wrong_count(spec, counts[spec.name]))
    for name, wanted in spec.config.items():
        if config.get(name) != wanted:
            found = config.get(name, "not set")
            remedy = (
                f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} --add-config {name}={wanted}"
            )
            problems.append(Problem(spec.name, f"{name} is {found}, not {wanted}", f"run `{remedy}`"))
    return problems


def _wrong_count(spec: TopicSpec, count: int) -> Problem:
    found = f"has {count} partitions, not {spec.partitions}"
    recreate = "delete it while no worker runs, and run `stream-seg topics create`"
    # Adding partitions to a topic with records separates customers from their history.
    remedy = recreate if spec.partitions == 1 else f"set STREAM_SEG_PARTITIONS={count}, or {recreate}"
    return Problem(spec.name, found, remedy)


def _copartitioning(specs: Sequence[TopicSpec], counts: Mapping[str, int]) -> list[Problem]:
    """Check the partition counts. One worker owns all data of a customer only if inputs and changelog have the same."""
    found = {spec.name: counts[spec.name] for spec in specs if spec.name in counts}
    if len(set(found.values())) <= 1:
        return []
    described = ", ".join(f"{topic} {count}" for topic, count in found.items())
    return [
        Problem(
            ", ".join(found),
            f"not co-partitioned: {described} partitions",
            "delete those that differ while no worker runs, set STREAM_SEG_PARTITIONS to the count that stays, "
            "and run `stream-seg topics create`",
        )
    ]


@contextlib.asynccontextmanager
async def _admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**broker.client_options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, specs: Iterable[TopicSpec]) -> list[str]:
    new = [NewTopic(s.name, s.partitions, s.replication, topic_configs=dict(s.config)) for s in specs]
    response = await admin.create_topics(new)
    created = []
    for topic, error_code, *message in response.topic_errors:
        error = for_code(error_code)
        if error_code == 0:
            created.append(topic)
        elif error is not TopicAlreadyExistsError:
            # If another program creates it meanwhile, that is as good. An operator must fix any other error.
            if error in (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
                raise error(topic)
            detail = next(filter(None, message), None) or error.description
            raise BrokerError(f"the broker refuses to create {topic}: {detail} ({error.__name__})")
    return created


async def _wait_until_usable(client: AIOKafkaClient, topics: Sequence[str], clock: Clock) -> None:
    """Wait until brokers know new topics and lead their partitions. Producers would fail before that."""
    deadline_s = clock.monotonic() + VISIBLE_WITHIN_S
    while not await _all_led(client, topics):
        if clock.monotonic() > deadline_s:
            raise BrokerError(
                f"created, but brokers do not answer for all partitions yet: {', '.join(topics)}; try again"
            )
        await asyncio.sleep(POLL_S)


async def _all_led(client: AIOKafkaClient, topics: Sequence[str]) -> bool:
    """Return whether the topics are known and the leader of each of their partitions answers for it."""
    known = await partitions_of(client, topics)
    try:
        await log_starts(client, [TopicPartition(topic, number) for topic in known for number in known[topic]])
    except KafkaError as error:
        if not error.retriable:
            raise
        return False
    return len(known) == len(topics)


async def _configs(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the settings of existing topics by topic and name."""
    if not topics:
        return {}
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics])
    return {
        topic: {name: value for name, value, *_ in entries}
        for response in responses
        for _error_code, _error, _kind, topic, entries in response.resources
    }
