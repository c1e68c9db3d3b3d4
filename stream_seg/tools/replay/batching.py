"""Build batches of records for each partition of the input topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import length_hint
from typing import Any, Final, Protocol

import orjson

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.core.events.taxonomy import TOPICS

REPLAY_HEADER: Final = "replay"
LINE_HEADER: Final = "line"
SLICE: Final = 512  # records built at once, few enough for the processor's cache
KNOWN_KEYS: Final = 100_000  # keys whose partition is cached, because most customers occur again

Headers = Sequence[tuple[str, bytes]]
Place = tuple[str, int]  # a topic without prefix, and a partition


class Record(Protocol):
    """A record to send: a named tuple that begins with these fields.

    `topic` has no prefix. `key` is the customer id, `value` the event, and `occurred_at_s` its time in epoch seconds.
    """

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes: ...
    @property
    def occurred_at_s(self) -> float: ...
    def __iter__(self) -> Iterator[Any]: ...


class NumberedRecord(Record, Protocol):
    """A record whose fifth field is its line (row, ordinal) in the source."""

    @property
    def line(self) -> int: ...


@dataclass(frozen=True)
class Traced:
    """Records that carry their origin in headers: `headers`, the first of which is `replay`, and `line`."""

    records: Iterable[NumberedRecord]
    headers: Headers

    def __iter__(self) -> Iterator[NumberedRecord]:
        return iter(self.records)

    def __length_hint__(self) -> int:
        known = length_hint(self.records, -1)
        return NotImplemented if known < 0 else known


@dataclass
class Batches:
    """Batches of records that are ready to be sent, in order by place."""

    queues: dict[Place, list[Any]] = field(default_factory=dict)
    value_bytes: int = 0
    occurred_at_s: float = float("-inf")  # time of the latest event

    def by_topic(self) -> Counter[str]:
        """Return the number of records by topic."""
        counts: Counter[str] = Counter()
        for (topic, _), queue in self.queues.items():
            counts[topic] += sum(batch.record_count() for batch in queue)
        return counts


class Places:
    """The partitions of keys, with a cache for recent keys."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[bytes, int] = {}

    def of(self, keys: Sequence[bytes]) -> list[int]:
        """Return the partition of each key."""
        known = self._known
        try:
            return [known[key] for key in keys]
        except KeyError:
            self._learn({key for key in keys if key not in known})
            return [known[key] for key in keys]

    def _learn(self, unknown: set[bytes]) -> None:
        keys = list(unknown)
        self._known |= zip(keys, partitions_of(keys, self._partitions).tolist(), strict=True)

    def forget(self) -> None:
        """Clear the cache if it has grown too large. Called between chunks."""
        if len(self._known) > KNOWN_KEYS:
            self._known.clear()


class Batcher:
    """A builder of batches. With `headers`, each record also carries its line."""

    def __init__(
        self, create_batch: Callable[[], Any], partitions: int, headers: Headers | None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._create_batch = create_batch
        self._partitions = partitions
        self._places = Places(partitions)
        self._headers = headers
        self._clock = clock

    def build(self, records: Sequence[Record]) -> Batches:
        """Build the batches of a nonempty sequence of records."""
        self._places.forget()
        batches = Batches()
        appends: dict[str, list[Any]] = {topic: [None] * self._partitions for topic in TOPICS}
        for begin in range(0, len(records), SLICE):
            self._add(records[begin : begin + SLICE], batches, appends)
        return batches

    def _add(self, records: Sequence[Record], batches: Batches, appends: dict[str, list[Any]]) -> None:
        """Add records. `appends` holds the append method of the last batch by topic and partition."""
        # Whole columns need no lookup per field and record. That saves most of the cost of headers.
        topics, keys, values, times, *more = zip(*records, strict=True)
        # One list serves all records, because a batch copies it.
        headers = [] if self._headers is None else [*self._headers, (LINE_HEADER, b"")]
        # Splitting one JSON array takes half the time of formatting every number.
        lines = orjson.dumps(more[0])[1:-1].split(b",") if headers else repeat(b"")
        now_ms = int(self._clock.wall() * 1000)
        rows = zip(topics, map(appends.__getitem__, topics), self._places.of(keys), keys, values, lines, strict=False)
        for topic, row, partition, key, value, line in rows:
            if headers:
                headers[-1] = (LINE_HEADER, line)
            append = row[partition]
            if append is None or append(timestamp=now_ms, key=key, value=value, headers=headers) is None:
                batch = self._create_batch()
                batches.queues.setdefault((topic, partition), []).append(batch)
                append = row[partition] = batch.append
                append(timestamp=now_ms, key=key, value=value, headers=headers)  # the first of a batch always fits
        batches.value_bytes += sum(map(len, values))
        batches.occurred_at_s = max(batches.occurred_at_s, *times)
