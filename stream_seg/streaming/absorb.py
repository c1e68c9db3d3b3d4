"""Absorb: a batch of one partition is decoded, and its events go into the customers of the group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from stream_seg.contracts import reasons
from stream_seg.contracts.decode import Decoded, Decoder, Rejected
from stream_seg.core.behaviour import Outcome
from stream_seg.core.customer import Customer
from stream_seg.core.engine import Engine, Rows
from stream_seg.core.vocabulary import TOPICS
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

    def absorb(self, batch: RecordBatch, group: Group, owned: OwnedPartition) -> None:
        """Absorb one batch. No await, no I/O: either all of it is in the group, or an exception ends the worker."""
        number, topic = self._topics[batch.topic]
        records = batch.records
        keys = [record.key for record in records]
        decoded = self._decoders[number].decode([record.value for record in records], keys, self._wall())
        gathered = group.gathered(owned)
        rejected = list(decoded.rejected)
        strangers = self._strangers(keys, decoded, gathered)
        if strangers:
            decoded, elsewhere = _without(strangers, keys, decoded, batch.partition)
            rejected += elsewhere
        self._absorb_events(number, topic, batch, keys, decoded, gathered)
        self._note_progress(topic, batch, owned, max(decoded.times, default=None))
        group.records += len(records)
        for item in rejected:
            letter = dead_letter(batch, records[item.index], item, self._wall())
            group.dead_letters.setdefault(batch.partition, []).append(letter)
            self._metrics.events_rejected.labels(item.reason).inc()

    def _absorb_events(
        self, number: int, topic: str, batch: RecordBatch, keys: Sequence[Any], decoded: Decoded, gathered: Gathered
    ) -> None:
        records, good = batch.records, decoded.indices
        rows = Rows(
            keys=keys if len(good) == len(keys) else [keys[index] for index in good],
            offsets=[records[index].offset for index in good],
            events=decoded.events,
            times=decoded.times,
            amounts=decoded.amounts or [0] * len(good),
        )
        opener = partial(self._open, gathered.owned)
        replayed, unusual = self._engine.absorb_rows(number, rows, gathered.touched, opener)
        self._count(topic, len(good) - replayed, replayed, Counter(unusual))

    def _note_progress(self, topic: str, batch: RecordBatch, owned: OwnedPartition, latest: float | None) -> None:
        before, first = owned.inputs.get(topic), batch.records[0].offset
        if before is not None and first > before + 1:
            # Markers of transactions and records past their retention; nothing else may be missing.
            self._metrics.offsets_missing.labels(topic).inc(first - before - 1)
        owned.absorbed(topic, batch.offset, latest)

    def _open(self, owned: OwnedPartition, key: bytes) -> Customer:
        record = owned.state.records.get(key)
        return self._engine.new_customer(owned.epoch) if record is None else self._engine.open(record)

    def _strangers(self, keys: Sequence[Any], decoded: Decoded, gathered: Gathered) -> set[bytes]:
        """Keys seen for the first time that do not belong here; a known key was checked when it was new."""
        known, touched = gathered.owned.state.records, gathered.touched
        whole = len(decoded.indices) == len(keys)
        good = set(keys) if whole else {keys[index] for index in decoded.indices}
        fresh = [key for key in good if key not in touched and key not in known]
        return misplaced(fresh, gathered.owned.number, self._partitions)

    def _count(self, topic: str, seen: int, replayed: int, unusual: Mapping[Outcome, int]) -> None:
        metrics = self._metrics
        repeated = unusual.get(Outcome.REPEATED, 0), unusual.get(Outcome.REPEATED_ORDER, 0)
        metrics.events_absorbed.labels(topic).inc(seen - sum(repeated))
        metrics.refunds_unmatched.inc(unusual.get(Outcome.UNMATCHED, 0))
        metrics.repeats_skipped.labels("offset").inc(replayed)
        metrics.repeats_skipped.labels("event_id").inc(repeated[0])
        metrics.repeats_skipped.labels("order_id").inc(repeated[1])


def _without(
    strangers: set[bytes], keys: Sequence[Any], decoded: Decoded, partition: int
) -> tuple[Decoded, list[Rejected]]:
    """The events of all but `strangers`, and the rejections of theirs."""
    detail = (
        f"The key does not belong in partition {partition} by Kafka's murmur2 partitioner; produce with that"
        " partitioner, and do not add partitions to a topic in use."
    )
    kept = [at for at, index in enumerate(decoded.indices) if keys[index] not in strangers]
    rejected = [
        Rejected(index, reasons.WRONG_PARTITION, detail) for index in decoded.indices if keys[index] in strangers
    ]
    return (
        Decoded(
            indices=[decoded.indices[at] for at in kept],
            events=[decoded.events[at] for at in kept],
            times=[decoded.times[at] for at in kept],
            amounts=[decoded.amounts[at] for at in kept] if decoded.amounts else [],
        ),
        rejected,
    )
