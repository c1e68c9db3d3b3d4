"""The partitions of the input topics that a replay writes to."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import partitions_of
from stream_seg.kafka.diagnosis import answered
from stream_seg.settings import Settings


async def input_partitions(client: Any, broker: Broker, settings: Settings) -> int:
    """Return the number of partitions of each input topic. Raises BrokerError if one is missing, or if they differ."""
    names = [settings.topic(topic) for topic in TOPICS]
    try:
        counts = {name: len(found) for name, found in (await partitions_of(client, names)).items()}
    except KafkaError as error:
        raise answered(error, broker) from error
    if missing := [name for name in names if name not in counts]:
        raise BrokerError(f"no topic {', '.join(missing)} at {broker.address}; run `stream-seg topics create`")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise BrokerError(f"input topics differ in partitions ({listed}); `stream-seg topics check` says what to do")
    return counts[names[0]]
