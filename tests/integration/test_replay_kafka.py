"""Replays into an Apache Kafka that has removed records, or rejects some."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from stream_seg.contracts.decode import MAX_VALUE_BYTES
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.datasets.files import FileSource
from stream_seg.errors import AlreadySent, BrokerError, SourceError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import BATCH_BYTES
from stream_seg.tools.replay.send import CHUNK
from tests.integration.support.replays import Inputs


@pytest.fixture
def inputs(apache_kafka: Broker, prefix: str) -> Inputs:
    """Use Apache Kafka alone, because the embedded broker removes nothing."""
    return Inputs.create(apache_kafka, prefix, 2)


def view(number: int) -> str:
    event = {"event_id": f"e-{number}", "customer_id": f"c-{number}", "type": "page_viewed", "occurred_at": number}
    return json.dumps(event) + "\n"


def file(path: Path, lines: list[str]) -> FileSource:
    path.write_text("".join(lines))
    return FileSource(path)


def remove(inputs: Inputs, before: dict[int, int]) -> None:
    """Remove the oldest records, up to an offset in each partition of `interactions`."""

    async def removed() -> None:
        admin = AIOKafkaAdminClient(**inputs.broker.client_options())
        await admin.start()
        topic = inputs.settings.topic("interactions")
        await admin.delete_records(
            {TopicPartition(topic, partition): RecordsToDelete(offset) for partition, offset in before.items()}
        )
        await admin.close()

    asyncio.run(removed())


def limit_batches(inputs: Inputs, size: int) -> None:
    """Limit the batches of the topic `interactions` to so many bytes."""

    async def limited() -> None:
        admin = AIOKafkaAdminClient(**inputs.broker.client_options())
        await admin.start()
        configs = {"max.message.bytes": str(size)}
        topic = ConfigResource(ConfigResourceType.TOPIC, inputs.settings.topic("interactions"), configs=configs)
        await admin.alter_configs([topic])
        await admin.close()

    asyncio.run(limited())


def ends(inputs: Inputs) -> dict[int, int]:
    """Return the end offsets of `interactions`."""
    return {place[1]: record.offset + 1 for place, record in inputs.records() if place[0] == "interactions"}


def test_the_last_records_are_enough(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(100)])
    assert inputs.once(source, limit=60) == 60
    remove(inputs, {partition: end - 1 for partition, end in ends(inputs).items()})
    assert inputs.once(source, resume=True) == 40
    with pytest.raises(AlreadySent, match=r"\(100 events\)"):
        inputs.once(source)


def test_where_the_last_record_of_a_partition_is_gone_a_replay_is_not_continued(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(100)])
    assert inputs.once(source, limit=60) == 60
    remove(inputs, {1: ends(inputs)[1]})
    with pytest.raises(SourceError, match=r"retention has removed records of interactions, partition 1, so it is not"):
        inputs.once(source, resume=True)


def test_an_older_version_that_is_there_in_part_is_not_taken_for_all(inputs: Inputs, tmp_path: Path) -> None:
    lines = [view(number) for number in range(100)]
    assert inputs.once(file(tmp_path / "a.jsonl", lines)) == 100
    remove(inputs, {0: 10})
    with pytest.raises(SourceError, match=r"of interactions, partition 0, so it is not known which of its events"):
        inputs.once(file(tmp_path / "b.jsonl", [*lines, view(100)]))


def test_an_unrelated_file_is_sent(inputs: Inputs, tmp_path: Path) -> None:
    assert inputs.once(file(tmp_path / "a.jsonl", [view(number) for number in range(100)])) == 100
    remove(inputs, {0: 10, 1: 10})
    assert inputs.once(file(tmp_path / "b.jsonl", [view(number) for number in range(100, 200)])) == 100


def test_a_record_that_the_broker_refuses_ends_a_replay_without_a_gap(inputs: Inputs, tmp_path: Path) -> None:
    lines = [view(number) for number in range(3 * CHUNK)]
    large = CHUNK + CHUNK // 2
    # The maximum length of an event. Alone in its batch it is longer than any batch of several events may become.
    longest = view(large).replace("page_viewed", "x" * (MAX_VALUE_BYTES - 200))
    limit_batches(inputs, BATCH_BYTES + 50)
    refused = [
        *lines[:large],
        longest.replace("x", "x" * (MAX_VALUE_BYTES + 1 - len(longest) + 1), 1),
        *lines[large + 1 :],
    ]
    source = file(tmp_path / "a.jsonl", refused)
    with pytest.raises(BrokerError, match=r"a record is larger than the broker accepts; leave it out, or raise"):
        inputs.once(source)
    assert inputs.count() > 0
    # No later record is in its partition, or the event would seem to be sent.
    partition = partitions_of([f"c-{large}".encode()], 2)[0]
    assert inputs.earlier(source).last_lines["interactions", partition] <= large

    mended = file(tmp_path / "a.jsonl", lines)
    inputs.once(mended)
    assert set(inputs.events().values()) == {1}
    assert inputs.events().total() == len(lines)
