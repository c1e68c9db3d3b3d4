"""Day by day: a data set absorbed by the real engine in this process, and every customer looked at once a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from benchmarks.customers import Customers, by_topic
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.core.features import Matrix
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


def daily(records: Iterable[SourceRecord], half_life_s: float) -> Daily:
    """Absorb records that come in time order, day by day; one that is late counts on the day on which it arrives.

    Raises ValueError on a record that is no event.
    """
    customers = Customers(half_life_s)
    held, made = customers.held, Daily([], [], [])
    for day, batch in groupby(_with_days(records), lambda pair: pair[0]):
        said = by_topic(record for _, record in batch)
        for topic in TOPICS:
            customers.absorb(topic, said.get(topic, ()))
        held.settle()
        made.times.append((day + 1) * DAY_S)
        made.features.append(customers.engine.features(held, np.full(len(held), made.times[-1])))
    made.customers.extend(customers.ids)
    return made


def _with_days(records: Iterable[SourceRecord]) -> Iterator[tuple[int, SourceRecord]]:
    """Each record with its day since the epoch, never an earlier one than of the record before."""
    day = 0
    for record in records:
        day = max(day, int(record.occurred_at_s // DAY_S))
        yield day, record
