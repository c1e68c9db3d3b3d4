"""Day by day: a data set absorbed by the real engine in this process, and every customer looked at once a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, groupby

import numpy as np

from stream_seg.contracts.decode import Decoder
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.features import Matrix
from stream_seg.core.vocabulary import TOPICS
from stream_seg.core.working_set import WorkingSet, new_record
from stream_seg.datasets.record import SourceRecord


@dataclass(frozen=True)
class Daily:
    """Features of everyone at the end of each day.

    `features[d]` is (n, len(FEATURES)) at `times[d]`, epoch seconds, of the n customers known by then: the first n of
    `customers`. A customer's row is the same on all days.
    """

    customers: list[str]
    times: list[float]
    features: list[Matrix]

    @property
    def present(self) -> list[int]:
        """How many customers were known on each day."""
        return list(map(len, self.features))


def daily(records: Iterable[SourceRecord], half_life_s: float) -> Daily:
    """Absorb records that come in time order, day by day; one that is late counts on the day on which it arrives.

    Raises ValueError on a record that is no event.
    """
    engine = Engine(Rules(Decay(half_life_s)))
    held = engine.working_set()
    decoders = {topic: Decoder(topic, currency="USD") for topic in TOPICS}
    offsets = count()
    made = Daily([], [], [])
    for day, batch in groupby(_with_days(records), lambda pair: pair[0]):
        by_topic: dict[str, list[SourceRecord]] = {topic: [] for topic in TOPICS}
        for _, record in batch:
            by_topic[record.topic].append(record)
        for topic, said in by_topic.items():
            _absorb(engine, held, topic, decoders[topic], said, offsets)
        held.settle()
        made.times.append((day + 1) * DAY_S)
        made.features.append(engine.features(held, np.full(len(held), made.times[-1])))
    made.customers.extend(key.decode() for key in held.keys)
    return made


def _with_days(records: Iterable[SourceRecord]) -> Iterator[tuple[int, SourceRecord]]:
    """Each record with its day since the epoch, never an earlier one than of the record before."""
    day = 0
    for record in records:
        day = max(day, int(record.occurred_at_s // DAY_S))
        yield day, record


def _absorb(
    engine: Engine, held: WorkingSet, topic: str, decoder: Decoder, said: list[SourceRecord], offsets: Iterator[int]
) -> None:
    if not said:
        return
    keys = [record.key for record in said]
    good = decoder.decode([record.value for record in said], keys, said[-1].occurred_at_s + DAY_S)
    if good.rejected:
        raise ValueError(f"a record of {topic} is no event: {good.rejected[0]}")
    new = list(dict.fromkeys(key for key in keys if held.row(key) is None))
    held.open(new, [new_record(1)] * len(new))
    amounts = good.amounts or [0] * len(keys)
    rows = Rows(held.rows(keys), [next(offsets) for _ in keys], good.events, good.times, amounts)
    engine.absorb_rows(TOPICS.index(topic), rows, held)
