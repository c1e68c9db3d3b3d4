"""Customers of a data set, absorbed by the real decoder and engine in this process, with no broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from stream_seg.contracts.decode import Decoder
from stream_seg.core.batch import CustomerBatch, new_record
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets.record import SourceRecord

NOW_S = 2_000_000_000.0  # wall time: past anything that a source says


class Customers:
    """All customers in one working set, `held`, in the order in which they were seen first."""

    def __init__(self, half_life_s: float) -> None:
        self.engine = Engine(Rules(Decay(half_life_s)))
        self.held: CustomerBatch = self.engine.new_batch()
        self._decoders = {topic: Decoder(topic) for topic in TOPICS}
        self._offsets = count()

    @property
    def ids(self) -> list[str]:
        """Customer ids, by row."""
        return [key.decode() for key in self.held.keys]

    def open(self, keys: Iterable[bytes]) -> None:
        """Open the customers of `keys` that are not open yet, in the order given."""
        distinct = list(dict.fromkeys(keys))
        new = [key for key, row in zip(distinct, self.held.find(distinct), strict=True) if row is None]
        if new:
            self.held.open(new, [new_record(1)] * len(new))

    def absorb(self, topic: str, records: Sequence[SourceRecord]) -> None:
        """Absorb records of a topic in the order given. Raises ValueError for one that is no event."""
        if not records:
            return
        keys = [record.key for record in records]
        good = self._decoders[topic].decode([record.value for record in records], keys, NOW_S)
        if good.rejected:
            raise ValueError(f"a record of {topic} is no event: {good.rejected[0]}")
        self.open(keys)
        offsets = [next(self._offsets) for _ in keys]
        rows = Rows(self.held.rows(keys), offsets, good.events, good.times, good.amounts or [0] * len(keys))
        self.engine.absorb_rows(TOPICS.index(topic), rows, self.held)


def by_topic(records: Iterable[SourceRecord]) -> dict[str, list[SourceRecord]]:
    """Records by topic, topics in the order of their first records."""
    found: dict[str, list[SourceRecord]] = {}
    for record in records:
        found.setdefault(record.topic, []).append(record)
    return found
