"""Absorb: a batch of one partition is decoded, and its events go into the customers of the group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stream_seg.contracts import reasons
from stream_seg.contracts.decode import Decoder, Rejected
from stream_seg.core.behaviour import Outcome
from stream_seg.core.customer import Customer
from stream_seg.core.engine import Engine
from stream_seg.core.vocabulary import PURCHASES_TOPIC, TOPICS
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings

from .dead_letters import dead_letter
from .group import Gathered, Group
from .intake import RecordBatch
from .ownership import OwnedPartition
from .partitioning import misplaced


class Absorber:
    """Absorbs batches into a group, by the engine's rules."""

    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics, wall: Callable[[], float]) -> None:
        self._engine = engine
        self._metrics = metrics
        self._wall = wall
        self._partitions = settings.partitions
        self._topics = {settings.topic(name): (number, name) for number, name in enumerate(TOPICS)}
        self._decoders = [Decoder(name, currency=settings.currency, rates=settings.rates) for name in TOPICS]
        self._absorbers = engine.absorbers()

    def absorb(self, batch: RecordBatch, group: Group, owned: OwnedPartition) -> None:
        """Absorb one batch. No await, no I/O: either all of it is in the group, or an exception ends the worker."""
        number, topic = self._topics[batch.topic]
        records = batch.records
        keys = [record.key for record in records]
        decoded = self._decoders[number].decode([record.value for record in records], keys, self._wall())
        gathered = group.gathered(owned)
        strangers = self._strangers(keys, decoded.indices, gathered)
        rejected = list(decoded.rejected)
        absorb = self._absorbers[number]
        amounts: Sequence[int] = decoded.amounts if number == PURCHASES_TOPIC else [0] * len(decoded.events)
        outcomes = dict.fromkeys(Outcome, 0)
        replayed = 0
        latest: float | None = None
        touched = gathered.touched
        for index, event, t, amount in zip(decoded.indices, decoded.events, decoded.times, amounts, strict=True):
            key = keys[index]
            customer = touched.get(key)
            if customer is None:
                if key in strangers:
                    rejected.append(Rejected(index, reasons.WRONG_PARTITION, _elsewhere(batch.partition)))
                    continue
                customer = touched[key] = self._open(key, owned)
            offset = records[index].offset
            if offset <= customer.offsets[number]:
                replayed += 1
                continue
            customer.offsets[number] = offset
            outcomes[absorb(customer, event, t, amount)] += 1
            if latest is None or t > latest:
                latest = t
        before = owned.inputs.get(topic)
        if before is not None and records[0].offset > before + 1:
            # Markers of transactions and records past their retention; nothing else may be missing.
            self._metrics.offsets_missing.labels(topic).inc(records[0].offset - before - 1)
        owned.absorbed(topic, batch.offset, latest)
        group.records += len(records)
        for item in rejected:
            letter = dead_letter(batch, records[item.index], item, self._wall())
            group.dead_letters.setdefault(batch.partition, []).append(letter)
            self._metrics.events_rejected.labels(item.reason).inc()
        self._count(topic, outcomes, replayed)

    def _open(self, key: bytes, owned: OwnedPartition) -> Customer:
        record = owned.state.records.get(key)
        return self._engine.new_customer(owned.epoch) if record is None else self._engine.open(record)

    def _strangers(self, keys: Sequence[Any], indices: Sequence[int], gathered: Gathered) -> set[bytes]:
        """Keys seen for the first time that do not belong here; a known key was checked when it was new."""
        known, touched = gathered.owned.state.records, gathered.touched
        fresh = {keys[index] for index in indices if keys[index] not in touched and keys[index] not in known}
        return misplaced(fresh, gathered.owned.number, self._partitions)

    def _count(self, topic: str, outcomes: Mapping[Outcome, int], replayed: int) -> None:
        metrics = self._metrics
        metrics.events_absorbed.labels(topic).inc(outcomes[Outcome.ABSORBED] + outcomes[Outcome.UNMATCHED])
        metrics.refunds_unmatched.inc(outcomes[Outcome.UNMATCHED])
        metrics.repeats_skipped.labels("offset").inc(replayed)
        metrics.repeats_skipped.labels("event_id").inc(outcomes[Outcome.REPEATED])
        metrics.repeats_skipped.labels("order_id").inc(outcomes[Outcome.REPEATED_ORDER])


def _elsewhere(partition: int) -> str:
    return (
        f"the key does not belong in partition {partition} by Kafka's murmur2 partitioner; produce with that"
        " partitioner, and do not add partitions to a topic in use"
    )
