"""Replays in this process, as the command runs them, and the records they sent."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka.structs import TopicPartition

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets import Source
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect
from stream_seg.kafka.offsets import high_watermarks
from stream_seg.kafka.reader import read_all
from stream_seg.settings import Settings
from stream_seg.tools.replay.deduplicate import all_events, unsent_events
from stream_seg.tools.replay.history import ReplayHistory, read_replay_history
from stream_seg.tools.replay.send import ReplaySummary, replay
from stream_seg.tools.topics import create_topics, topic_specs


@dataclass(frozen=True)
class Inputs:
    """The private input topics of a test, on a broker."""

    broker: Broker
    settings: Settings

    @classmethod
    def create(cls, broker: Broker, prefix: str, partitions: int) -> Inputs:
        """Create all topics of a deployment."""
        settings = Settings(app_id=f"{prefix}app", topic_prefix=prefix, partitions=partitions)
        asyncio.run(create_topics(broker, topic_specs(settings)))
        return cls(broker, settings)

    async def send(self, source: Source, *, resume: bool = False, limit: int | None = None) -> ReplaySummary:
        """Send the events of a source that are missing from the topics. Raises AlreadySent."""
        identity = source.identity()
        earlier = await read_replay_history(self.broker, self.settings, identity)
        left = unsent_events(source, identity, earlier, resume=resume)
        return await replay(left.traced(), broker=self.broker, settings=self.settings, limit=limit)

    def once(self, source: Source, **options: Any) -> int:
        """Return the number of events that `send` sends."""
        return asyncio.run(self.send(source, **options)).records

    def again(self, source: Source, limit: int | None = None) -> int:
        """Send all events of a source, and return how many those are."""
        events = all_events(source, source.identity(), time.time())
        return asyncio.run(replay(events, broker=self.broker, settings=self.settings, limit=limit)).records

    def earlier(self, source: Source) -> ReplayHistory:
        """The traces of a source in the topics."""
        return asyncio.run(read_replay_history(self.broker, self.settings, source.identity()))

    def events(self) -> Counter[str]:
        """Return how often each event id is in the topics."""
        return Counter(orjson.loads(record.value)["event_id"] for _, record in self.records())

    def count(self) -> int:
        """Return the number of records by their offsets, so none may have been removed."""

        async def counted() -> int:
            tps = [
                TopicPartition(self.settings.topic(topic), partition)
                for topic in TOPICS
                for partition in range(self.settings.partitions)
            ]
            async with connect(self.broker) as client:
                return sum((await high_watermarks(self.broker, client, tps)).values())

        return asyncio.run(counted())

    def records(self) -> list[tuple[tuple[str, int], Any]]:
        """Return all records of the input topics, in order within each topic and partition."""
        return asyncio.run(self._records())

    async def _records(self) -> list[tuple[tuple[str, int], Any]]:
        found = []
        for topic in TOPICS:
            async for partition, records in read_all(self.broker, self.settings.topic(topic)):
                found += [((topic, partition), record) for record in records]
        return found
