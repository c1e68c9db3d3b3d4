"""The topics that an intake reads, and the destinations that it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from stream_seg.contracts.partitioning import partitions_of as partitions_of_keys
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError, OwnTopic
from stream_seg.kafka.append import Message
from stream_seg.kafka.client import partitions_of
from stream_seg.settings import Settings

from .plan import DEAD_LETTERS, Written


@dataclass(frozen=True)
class Destinations:
    """The topics to write, by their names without prefix, with the partition count of each."""

    names: Mapping[str, str]
    counts: Mapping[str, int]

    @property
    def topics(self) -> Sequence[str]:
        """Full names, in a fixed order."""
        return list(self.names.values())

    @property
    def partitions(self) -> list[TopicPartition]:
        """All of their partitions."""
        return [TopicPartition(self.names[name], number) for name in self.names for number in range(self.counts[name])]

    def placed(self, written: Iterable[tuple[Written, Any, int]]) -> dict[TopicPartition, list[tuple[Message, int]]]:
        """Return messages and timestamps by partition, in order. `written` holds records, sources and timestamps."""
        by_topic: dict[str, list[tuple[Written, Any, int]]] = {}
        for each, source, timestamp_ms in written:
            by_topic.setdefault(each.topic, []).append((each, source, timestamp_ms))
        placed: dict[TopicPartition, list[tuple[Message, int]]] = {}
        for topic, own in by_topic.items():
            count = self.counts[topic]
            numbers = partitions_of_keys([each.customer or b"" for each, _, _ in own], count).tolist()
            for (each, source, timestamp_ms), number in zip(own, numbers, strict=True):
                at = source.partition % count if each.customer is None else number
                placed.setdefault(TopicPartition(self.names[topic], at), []).append((each.message, timestamp_ms))
        return placed


def check_sources(settings: Settings, own: Iterable[str]) -> None:
    """Raise OwnTopic if INTAKE_TOPICS names one of `own`, the full names of this deployment's topics."""
    for topic in sorted(set(own).intersection(settings.intake_topics)):
        raise OwnTopic(f"{topic} is a topic of stream_seg itself, which the intake may not read")


async def find_destinations(client: AIOKafkaClient, settings: Settings) -> Destinations:
    """Return the destinations. Raises BrokerError if one does not exist."""
    names = {name: settings.topic(name) for name in (*TOPICS, DEAD_LETTERS)}
    found = await partitions_of(client, names.values())
    missing = [topic for topic in names.values() if topic not in found]
    if missing:
        raise BrokerError(f"no such topic: {', '.join(missing)}; create them with `stream-seg topics create`")
    return Destinations(names, {name: len(found[topic]) for name, topic in names.items()})


async def find_sources(client: AIOKafkaClient, settings: Settings) -> list[TopicPartition]:
    """Return all partitions of INTAKE_TOPICS. Raises BrokerError if a topic does not exist."""
    found = await partitions_of(client, settings.intake_topics)
    missing = [topic for topic in settings.intake_topics if topic not in found]
    if missing:
        raise BrokerError(f"no such topic: {', '.join(missing)}; correct STREAM_SEG_INTAKE_TOPICS, or create it")
    return [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]
