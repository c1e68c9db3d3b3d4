"""Absorb: batches are decoded, and their events go into the customers of the group."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from stream_seg.contracts import reasons
from stream_seg.contracts.decode import Decoded, Rejected
from stream_seg.contracts.partitioning import misplaced
from stream_seg.contracts.reasons import Refused
from stream_seg.core.engine import Engine, Rows
from stream_seg.core.events.orders import Outcome
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.dead_letters import Source, dead_letter
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings

from .decoders import decoders_of
from .group import Group, Place, Waiting

_WRONG_PARTITION: Final = Refused(
    reasons.WRONG_PARTITION,
    "The key does not belong in this partition by Kafka's murmur2 partitioner; produce with that partitioner, and do"
    " not add partitions to a topic in use.",
)


class Absorber:
    """Absorbs batches into a group, by the engine's rules."""

    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics, wall: Callable[[], float]) -> None:
        self._engine = engine
        self._metrics = metrics
        self._wall = wall
        self._partitions = settings.partitions
        self._topics = {settings.topic(name): (number, name) for number, name in enumerate(TOPICS)}
        self._decoders = decoders_of(settings)

    def absorb(self, group: Group) -> None:
        """Absorb what waits. No await, no I/O: either all of it is in the group, or an exception ends the worker."""
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
        homes = [owned for batch, owned in batches for _ in batch.records]
        # The oldest format of Kafka's records has no timestamps.
        written = [record.timestamp or 0 for record in records]
        good = self._decoders[number].decode([record.value for record in records], keys, self._wall(), written)
        self._metrics.traits_dropped.inc(good.traits_dropped)
        if good.rejected:
            keys, homes = list(map(keys.__getitem__, good.indices)), list(map(homes.__getitem__, good.indices))
        opening = group.not_open(keys, homes)
        strangers = self._strangers(opening)
        if strangers:
            places = list(zip(keys, homes, strict=True))
            good.refuse({at: _WRONG_PARTITION for at, place in enumerate(places) if place in strangers})
            keys = [key for key, home in places if (key, home) not in strangers]
            for place in strangers:
                del opening[place]
        if keys:
            group.open(opening)
            offsets = [records[at].offset for at in good.indices]
            amounts = good.amounts or [0] * len(keys)
            rows = Rows(group.held.rows(keys), offsets, good.events, good.times, amounts)
            replayed, unusual = self._engine.absorb_rows(number, rows, group.held)
            self._count(topic, len(keys) - replayed, replayed, Counter(unusual))
        self._note_progress(topic, batches, good)
        self._reject(batches, good.rejected, group)

    def _note_progress(self, topic: str, batches: Sequence[Waiting], good: Decoded) -> None:
        """How far each partition is read, and the largest time of its events."""
        end = first = 0
        for batch, owned in batches:
            end += len(batch.records)
            last = bisect_left(good.indices, end, first)
            before, begins = owned.inputs.get(topic), batch.records[0].offset
            if before is not None and begins > before + 1:
                # Markers of transactions and records past their retention; nothing else may be missing.
                self._metrics.offsets_missing.labels(topic).inc(begins - before - 1)
            owned.absorbed(topic, batch.offset, max(good.times[first:last], default=None))
            first = last

    def _reject(self, batches: Sequence[Waiting], rejected: Sequence[Rejected], group: Group) -> None:
        """Dead letters for what was rejected; positions count through the records of all batches."""
        if not rejected:
            return
        ends = list(accumulate(len(batch.records) for batch, _ in batches))
        for item in rejected:
            at = bisect_right(ends, item.index)
            batch, _ = batches[at]
            record = batch.records[item.index - ends[at]]  # from its end
            source = Source(batch.topic, batch.partition, record.offset)
            letter = dead_letter(source, record.key, record.value, item, self._wall())
            group.dead_letters.setdefault(batch.partition, []).append(letter)
            self._metrics.events_rejected.labels(item.reason).inc()

    def _strangers(self, opening: Mapping[Place, bytes | None]) -> set[Place]:
        """Customers that do not belong in the partition they were found in.

        One that is held there, at rest or in the group, was looked at when it was new.
        """
        new = [place for place, record in opening.items() if record is None]
        keys, numbers = [key for key, _ in new], [home.number for _, home in new]
        return {new[at] for at in misplaced(keys, numbers, self._partitions)}

    def _count(self, topic: str, seen: int, replayed: int, unusual: Mapping[Outcome, int]) -> None:
        metrics = self._metrics
        repeated = unusual.get(Outcome.REPEATED, 0), unusual.get(Outcome.REPEATED_ORDER, 0)
        metrics.events_absorbed.labels(topic).inc(seen - sum(repeated))
        nothing_taken = unusual.get(Outcome.NOTHING_TAKEN, 0)
        metrics.refunds_unmatched.inc(unusual.get(Outcome.UNMATCHED, 0) + nothing_taken)
        metrics.refunds_without_effect.inc(nothing_taken)
        metrics.repeats_skipped.labels("offset").inc(replayed)
        metrics.repeats_skipped.labels("event_id").inc(repeated[0])
        metrics.repeats_skipped.labels("order_id").inc(repeated[1])
