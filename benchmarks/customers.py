"""Customers of a data set, absorbed by the real decoder and engine in this process, without a broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from stream_seg.contracts.decode import Decoder
from stream_seg.core.absorb import absorb_rows
from stream_seg.core.batch import CustomerBatch, new_record
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.events.categories import CategoryNames
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets.record import SourceRecord

NOW_S = 2_000_000_000.0  # wall time, later than any event of a source


class Customers:
    """All customers in one `batch`, in the order of their first records."""

    def __init__(self, half_life_s: float) -> None:
        self.engine = Engine(Rules(Decay(half_life_s)))
        self.batch: CustomerBatch = self.engine.new_batch()
        self._decoders = {topic: Decoder(topic) for topic in TOPICS}
        self.names = CategoryNames()
        self._offsets = count()

    @property
    def ids(self) -> list[str]:
        """Customer ids by row."""
        return [key.decode() for key in self.batch.keys]

    def open(self, keys: Iterable[bytes]) -> None:
        """Add new records for customers of `keys` that are not in the batch yet, in the given order."""
        distinct = list(dict.fromkeys(keys))
        new = [key for key, row in zip(distinct, self.batch.find(distinct), strict=True) if row is None]
        if new:
            self.batch.open(new, [new_record(1)] * len(new))

    def absorb(self, topic: str, records: Sequence[SourceRecord]) -> None:
        """Absorb records of a topic in the given order. Raises ValueError for a record that is not an event."""
        if not records:
            return
        keys = [record.key for record in records]
        good = self._decoders[topic].decode([record.value for record in records], keys, NOW_S)
        if good.rejected:
            raise ValueError(f"a record of {topic} is not an event: {good.rejected[0]}")
        self.open(keys)
        offsets = [next(self._offsets) for _ in keys]
        amounts = good.amounts or [0] * len(keys)
        rows = Rows(self.batch.rows(keys), offsets, good.events, good.times, amounts, good.times)
        absorb_rows(TOPICS.index(topic), rows, self.batch, [self.names] * len(self.batch))


def by_topic(records: Iterable[SourceRecord]) -> dict[str, list[SourceRecord]]:
    """Return the records by topic, with topics in the order of their first records."""
    found: dict[str, list[SourceRecord]] = {}
    for record in records:
        found.setdefault(record.topic, []).append(record)
    return found
