"""Features of all customers by day, from a data set that the real engine absorbs in this process."""

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
    """The features of all customers at the end of each day.

    `features[d]` is (n, len(FEATURES)) at `times[d]`, epoch seconds, of the first n of
    `customers`, who are known by then. A customer has the same row on all days.
    """

    customers: list[str]
    times: list[float]
    features: list[Matrix]


def daily(records: Iterable[SourceRecord], half_life_s: float) -> Daily:
    """Absorb records in time order, day by day. A late record counts on the day on which it arrives.

    Raises ValueError on a record that is not an event.
    """
    customers = Customers(half_life_s)
    batch, result = customers.batch, Daily([], [], [])
    for day, arrived in groupby(_with_days(records), lambda pair: pair[0]):
        records_of = by_topic(record for _, record in arrived)
        for topic in TOPICS:
            customers.absorb(topic, records_of.get(topic, ()))
        batch.settle()
        result.times.append((day + 1) * DAY_S)
        result.features.append(customers.engine.features(batch, np.full(len(batch), result.times[-1])))
    result.customers.extend(customers.ids)
    return result


def _with_days(records: Iterable[SourceRecord]) -> Iterator[tuple[int, SourceRecord]]:
    """Yield each record with its day since the epoch, which never decreases."""
    day = 0
    for record in records:
        day = max(day, int(record.occurred_at_s // DAY_S))
        yield day, record
