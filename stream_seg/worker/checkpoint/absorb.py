"""Absorb: decode the batches of a commit group and apply their events to its customers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts import reasons
from stream_seg.contracts.decode import Decoded, Rejected
from stream_seg.contracts.partitioning import misplaced
from stream_seg.contracts.reasons import Refused
from stream_seg.core.absorb import Rows, absorb_rows
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.dead_letters import Source, dead_letter
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings

from .decoders import decoders_of
from .group import Group, Place, Waiting

_WRONG_PARTITION: Final = Refused(
    reasons.WRONG_PARTITION,
    "The key does not belong in this partition by Kafka's murmur2 partitioner. Produce with that partitioner, and do"
    " not add partitions to a topic in use.",
)


class Absorber:
    """Absorbs batches into commit groups."""

    def __init__(self, settings: Settings, metrics: Metrics, clock: Clock = SYSTEM_CLOCK) -> None:
        self._metrics = metrics
        self._clock = clock
        self._partitions = settings.partitions
        self._topics = {settings.topic(name): (number, name) for number, name in enumerate(TOPICS)}
        self._stream_clock = settings.clock == "stream"
        self._decoders = decoders_of(settings)

    def absorb(self, group: Group) -> None:
        """Absorb the waiting batches of a group.

        There is no await and no I/O: either the group holds all of the batches afterwards, or an exception ends the
        worker.
        """
        by_topic: dict[str, list[Waiting]] = {}
        for waiting in group.take_waiting():
            by_topic.setdefault(waiting.batch.topic, []).append(waiting)
        for topic, batches in by_topic.items():
            self._absorb_topic(*self._topics[topic], batches, group)
            for batch, _ in batches:
                batch.release()

    def _absorb_topic(self, number: int, topic: str, batches: Sequence[Waiting], group: Group) -> None:
        records = [record for batch, _ in batches for record in batch.records]
        keys = [record.key for record in records]
        partitions = [partition for batch, partition in batches for _ in batch.records]
        # The oldest format of Kafka's records has no timestamps.
        timestamps = [record.timestamp or 0 for record in records]
        decoder = self._decoders[number]
        decoded = decoder.decode([record.value for record in records], keys, self._clock.wall(), timestamps)
        self._metrics.traits_dropped.inc(decoded.traits_dropped)
        if decoded.rejected:
            keys = list(map(keys.__getitem__, decoded.indices))
            partitions = list(map(partitions.__getitem__, decoded.indices))
        opening = group.not_open(keys, partitions)
        wrong = self._misplaced(opening)
        if wrong:
            places = list(zip(keys, partitions, strict=True))
            decoded.refuse({at: _WRONG_PARTITION for at, place in enumerate(places) if place in wrong})
            keys = [place[0] for place in places if place not in wrong]
            for place in wrong:
                del opening[place]
        if keys:
            group.open(opening)
            offsets = [records[at].offset for at in decoded.indices]
            amounts = decoded.amounts or [0] * len(keys)
            # A replay writes its records today, so their timestamps say nothing about the events.
            arrived = decoded.times if self._stream_clock else [timestamps[at] / 1000.0 for at in decoded.indices]
            rows = Rows(group.customers.rows(keys), offsets, decoded.events, decoded.times, amounts, arrived)
            replayed, unusual = absorb_rows(number, rows, group.customers, group.row_categories)
            self._count(topic, len(keys) - replayed, replayed, Counter(unusual))
        self._note_progress(topic, batches, decoded)
        self._reject(batches, decoded.rejected, group)

    def _note_progress(self, topic: str, batches: Sequence[Waiting], decoded: Decoded) -> None:
        """Record how far each partition is read, and the latest time of its events."""
        end = first = 0
        for batch, partition in batches:
            end += len(batch.records)
            last = bisect_left(decoded.indices, end, first)
            before, begins = partition.progress.offsets.get(topic), batch.records[0].offset
            if before is not None and begins > before + 1:
                # Transaction markers and records past their retention leave gaps. Nothing else may.
                self._metrics.offsets_missing.labels(topic).inc(begins - before - 1)
            partition.progress.absorbed(topic, batch.offset, max(decoded.times[first:last], default=None))
            first = last

    def _reject(self, batches: Sequence[Waiting], rejected: Sequence[Rejected], group: Group) -> None:
        """Add dead letters for rejected records. Their indices count through the records of all batches."""
        if not rejected:
            return
        ends = list(accumulate(len(batch.records) for batch, _ in batches))
        for item in rejected:
            at = bisect_right(ends, item.index)
            batch, _ = batches[at]
            record = batch.records[item.index - ends[at]]  # a negative index, counted from the end of the batch
            source = Source(batch.topic, batch.partition, record.offset)
            message = dead_letter(source, record.key, record.value, item, self._clock.wall())
            group.dead_letters.setdefault(batch.partition, []).append(message)
            self._metrics.events_rejected.labels(item.reason).inc()

    def _misplaced(self, opening: Mapping[Place, bytes | None]) -> set[Place]:
        """Return the new customers that do not belong in the partition where they were found.

        A customer with a record, or open in the group, was checked when it was new.
        """
        new = [place for place, record in opening.items() if record is None]
        keys, numbers = [key for key, _ in new], [partition.number for _, partition in new]
        return {new[at] for at in misplaced(keys, numbers, self._partitions)}

    def _count(self, topic: str, absorbed: int, replayed: int, unusual: Mapping[Outcome, int]) -> None:
        metrics = self._metrics
        repeated = [
            unusual.get(each, 0) for each in (Outcome.REPEATED, Outcome.REPEATED_ORDER, Outcome.REPEATED_REFUND)
        ]
        metrics.events_absorbed.labels(topic).inc(absorbed - sum(repeated))
        nothing_taken = unusual.get(Outcome.NOTHING_TAKEN, 0)
        metrics.refunds_unmatched.inc(unusual.get(Outcome.UNMATCHED, 0) + nothing_taken)
        metrics.refunds_without_effect.inc(nothing_taken)
        metrics.repeats_skipped.labels("offset").inc(replayed)
        metrics.repeats_skipped.labels("event_id").inc(repeated[0])
        metrics.repeats_skipped.labels("order_id").inc(repeated[1])
        metrics.repeats_skipped.labels("refund_id").inc(repeated[2])
        metrics.orders_edited.inc(unusual.get(Outcome.EDITED, 0))
