"""Topics on a real broker: created once, and checked for settings that would break the workers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.settings import Settings
from stream_seg.tools.topics import TopicSpec, check_topics, create_topics, topic_specs


@pytest.fixture
def specs(prefix: str) -> list[TopicSpec]:
    return topic_specs(Settings(app_id=f"{prefix}app", topic_prefix=prefix, partitions=4))


def create(broker: Broker, specs: list[TopicSpec]) -> list[str]:
    return asyncio.run(create_topics(broker, specs))


async def alter_by_hand(broker: Broker, new: list[NewTopic]) -> None:
    """Create topics without our command."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics(new)
    await admin.close()


def test_the_topics_of_a_deployment() -> None:
    specs = topic_specs(Settings(topic_prefix="eu.", partitions=6, replication_factor=3))

    assert [(spec.name, spec.partitions, dict(spec.config)) for spec in specs] == [
        ("eu.purchases", 6, {}),
        ("eu.interactions", 6, {}),
        ("eu.profiles", 6, {}),
        ("stream-seg-customers-changelog", 6, {"cleanup.policy": "compact"}),
        ("eu.segment-changes", 6, {"cleanup.policy": "delete", "retention.ms": "-1"}),
        ("eu.dead-letters", 6, {}),
        ("eu.segment-models", 1, {"cleanup.policy": "compact"}),
        ("eu.segment-drift", 1, {}),
        ("eu.segment-samples", 1, {}),
    ]
    assert {spec.replication for spec in specs} == {3}


def test_created_topics_are_as_specified(broker: Broker, specs: list[TopicSpec]) -> None:
    names = [spec.name for spec in specs]

    assert sorted(create(broker, specs)) == sorted(names)

    async def counts() -> dict[str, int]:
        async with connect(broker) as client:
            return {topic: len(found) for topic, found in (await partitions_of(client, names)).items()}

    assert asyncio.run(counts()) == {spec.name: spec.partitions for spec in specs}
    assert asyncio.run(check_topics(broker, specs)) == []


def test_a_second_create_creates_only_missing_topics(broker: Broker, specs: list[TopicSpec]) -> None:
    create(broker, specs[:3])

    assert sorted(create(broker, specs)) == sorted(spec.name for spec in specs[3:])
    assert create(broker, specs) == []


def test_two_creators_at_once_do_not_fail(broker: Broker, specs: list[TopicSpec]) -> None:
    async def both() -> list[list[str]]:
        return list(await asyncio.gather(create_topics(broker, specs), create_topics(broker, specs)))

    first, second = asyncio.run(both())

    assert sorted(first + second) == sorted(spec.name for spec in specs)


def test_missing_topics_are_problems_and_checking_does_not_create_them(broker: Broker, specs: list[TopicSpec]) -> None:
    for _ in range(2):
        problems = asyncio.run(check_topics(broker, specs))
        assert [problem.topic for problem in problems] == [spec.name for spec in specs]
        assert {(problem.problem, problem.remedy) for problem in problems} == {
            ("does not exist", "run `stream-seg topics create`")
        }


def test_another_partition_count_for_all_asks_to_change_the_setting(broker: Broker, specs: list[TopicSpec]) -> None:
    create(broker, specs)

    problems = asyncio.run(check_topics(broker, [replace(spec, partitions=8) for spec in specs[:3]]))

    assert [problem.problem for problem in problems] == ["has 4 partitions, not 8"] * 3
    assert "STREAM_SEG_PARTITIONS=4" in problems[0].remedy


def test_inputs_that_are_not_co_partitioned(broker: Broker, specs: list[TopicSpec]) -> None:
    purchases, interactions, profiles, changelog, *_ = specs
    create(broker, [replace(interactions, partitions=3)])
    create(broker, specs)

    problems = asyncio.run(check_topics(broker, specs))

    assert [problem.topic for problem in problems] == [
        interactions.name,
        f"{purchases.name}, {interactions.name}, {profiles.name}, {changelog.name}",
    ]
    assert problems[0].problem == "has 3 partitions, not 4"
    assert problems[1].problem == (
        f"not co-partitioned: {purchases.name} 4, {interactions.name} 3, "
        f"{profiles.name} 4, {changelog.name} 4 partitions"
    )


def test_settings_that_would_lose_changes(broker: Broker, specs: list[TopicSpec]) -> None:
    changes = next(spec for spec in specs if spec.name.endswith("segment-changes"))
    by_hand = NewTopic(changes.name, 4, 1, topic_configs={"cleanup.policy": "delete", "retention.ms": "604800000"})
    asyncio.run(alter_by_hand(broker, [by_hand]))
    create(broker, specs)

    problems = asyncio.run(check_topics(broker, specs))

    assert [(problem.topic, problem.problem) for problem in problems] == [
        (changes.name, "retention.ms is 604800000, not -1")
    ]
    assert f"--entity-name {changes.name} --add-config retention.ms=-1" in problems[0].remedy


def test_a_topic_of_one_partition_cannot_be_mended_by_a_setting(broker: Broker, specs: list[TopicSpec]) -> None:
    models = next(spec for spec in specs if spec.name.endswith("segment-models"))
    create(broker, [replace(models, partitions=4)])

    (problem,) = asyncio.run(check_topics(broker, [models]))

    assert problem.problem == "has 4 partitions, not 1"
    assert "STREAM_SEG_PARTITIONS" not in problem.remedy


def test_no_broker_says_what_to_do(specs: list[TopicSpec]) -> None:
    nowhere = Broker(f"{HOST}:{free_port()}")

    for use in (create_topics, check_topics):
        with pytest.raises(BrokerError, match="no broker answers at"):
            asyncio.run(use(nowhere, specs))
