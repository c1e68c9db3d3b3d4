"""Collect the outcome of a demo from the topics and from Redis, as any other program could."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from stream_seg.addresses import Addresses
from stream_seg.cache import CustomerSegments, SegmentClient
from stream_seg.cli.demo.facts import Check, DemoFacts, Person
from stream_seg.cli.demo.follow import Progress
from stream_seg.cli.demo.people import chosen, person
from stream_seg.cli.segments import Sizes, flow_facts, segment_facts
from stream_seg.cli.words import day
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.times import rfc3339
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.record import columns
from stream_seg.kafka.reader import read_all
from stream_seg.settings import Settings
from stream_seg.tools.fold import (
    ChangesFold,
    changes_of,
    compare,
    fold_changelog,
    fold_changes,
    segments_of_document,
    segments_of_state,
)
from stream_seg.tools.model_history import read_history
from stream_seg.tools.replay.send import ReplaySummary
from stream_seg.worker.partitions.state import PartitionState

AGREE_WITHIN_S: Final = 10.0
AGAIN_S: Final = 0.5
CUSTOMERS_A_CALL: Final = 500
REDIS_TIMEOUT_S: Final = 10.0
NAMED: Final = 5


@dataclass(slots=True)
class Evidence:
    """The contents of topics, Redis and state at one moment, and their comparison."""

    fold: ChangesFold
    states: Mapping[int, PartitionState]
    documents: Mapping[str, CustomerSegments]
    models: int
    check: Check


class Collector:
    """A reader of one deployment."""

    def __init__(
        self, addresses: Addresses, settings: Settings, client: SegmentClient, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._broker = addresses.broker
        self._settings = settings
        self._client = client
        self._clock = clock

    async def facts(self, replayed: ReplaySummary, progress: Progress, begun: float) -> DemoFacts:
        """Return the outcome. `begun` is the monotonic time at which the demo began."""
        found = await self._agreeing()
        segments = segment_facts(self._client.sizes(), self._client.model(), self._settings.currency)
        first, last = seen(found.states.values())
        return DemoFacts(
            events=replayed.records,
            by_topic=replayed.by_topic,
            rejected=await self._rejected(),
            first_day=first,
            last_day=last,
            events_per_s=progress.events_per_s,
            elapsed_s=self._clock.monotonic() - begun,
            customers=sum(len(state.records) for state in found.states.values()),
            changes=found.fold.changes,
            reasons=dict(found.fold.reasons.most_common()),
            models=found.models,
            segments=segments,
            flows=flow_facts(found.fold.flows, segments),
            people=await self._people(found, chosen(found.fold.last, segments)),
            check=found.check,
            currency=self._settings.currency,
        )

    async def _agreeing(self) -> Evidence:
        """Return the evidence as soon as all places agree, or after AGREE_WITHIN_S seconds in any case."""
        deadline = self._clock.monotonic() + AGREE_WITHIN_S
        while True:
            found = await self._evidence()
            if found.check.ok or self._clock.monotonic() > deadline:
                return found
            await asyncio.sleep(AGAIN_S)

    async def _evidence(self) -> Evidence:
        broker, settings = self._broker, self._settings
        fold = await fold_changes(broker, settings.topic("segment-changes"))
        states = await fold_changelog(broker, settings.changelog)
        models = await read_history(broker, settings.topic("segment-models"))
        topic, state = fold.current_segments(), segments_of_state(states.values(), [Behavior(names=models.names)])
        documents = self._documents(topic.keys() | state.keys())
        redis = {customer: segments_of_document(document) for customer, document in documents.items()}
        different = compare(topic, redis, state)
        check = Check(
            customers=len(topic.keys() | redis.keys() | state.keys()),
            redis_equals_topic=topic == redis and fold.sizes() == counted(self._client.sizes()),
            state_equals_redis=state == redis,
            different=[each.customer_id for each in different[:NAMED]],
        )
        return Evidence(fold, states, documents, len(models.accepted), check)

    def _documents(self, customers: Iterable[str]) -> dict[str, CustomerSegments]:
        found: dict[str, CustomerSegments] = {}
        wanted = sorted(customers)
        for start in range(0, len(wanted), CUSTOMERS_A_CALL):
            answers = self._client.get_many(wanted[start : start + CUSTOMERS_A_CALL])
            found |= {customer: document for customer, document in answers.items() if document is not None}
        return found

    async def _rejected(self) -> dict[str, int]:
        reasons: Counter[str] = Counter()
        topic = self._settings.topic("dead-letters")
        async for _, records in read_all(self._broker, topic):
            reasons.update(dict(record.headers)["reason"].decode() for record in records)
        return dict(reasons.most_common())

    async def _people(self, found: Evidence, wanted: Mapping[str, str]) -> list[Person]:
        topic = self._settings.topic("segment-changes")
        changes = await changes_of(self._broker, topic, list(wanted))
        return [
            person(known_for, found.documents[customer], changes[customer], self._settings.currency)
            for customer, known_for in wanted.items()
            if customer in found.documents
        ]


def counted(sizes: Sizes) -> dict[str, dict[str, int]]:
    """Return the sizes without empty segments."""
    some = {dimension: {name: n for name, n in segments.items() if n} for dimension, segments in sizes.items()}
    return {dimension: segments for dimension, segments in some.items() if segments}


def seen(states: Iterable[PartitionState]) -> tuple[str, str]:
    """Return the days of the first and of the last event in all records."""
    records = [record for state in states for chunk in state.records.slices() for _, record in chunk]
    if not records:
        return "never", "never"
    fixed = columns(records)
    first, last = float(np.min(fixed["first_seen"])), float(np.max(fixed["last_seen"]))
    return day(rfc3339(first)), day(rfc3339(last))
