"""Days of a source: features of its customers as workers sample them, and counts of their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.customers import Customers, by_topic
from stream_seg.core import activity_mix
from stream_seg.core.activity_mix import Mix
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.categories import shares_of
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets.record import SourceRecord


class Records(NamedTuple):
    """Whole numbers in the records of n customers: orders, days with an order, and minor units of money kept."""

    orders: NDArray[np.int64]
    days: NDArray[np.int64]
    spend: NDArray[np.int64]


class Day(NamedTuple):
    """All n customers seen so far, at the end of a day counted from 0. `clock` is that time in epoch seconds."""

    number: int
    clock: float
    customers: list[str]
    rows: NDArray[np.float64]  # (n, len(FEATURES))
    mixes: list[Mix]
    records: Records


def days(source: Iterable[SourceRecord], half_life_days: float = 30.0) -> Iterator[Day]:
    """Fold a source in order of arrival. A day ends with the first event of a later day."""
    customers = Customers(half_life_days * DAY_S)
    waiting: list[SourceRecord] = []
    first = end = -1.0
    for record in source:
        if end < 0:
            first = record.occurred_at_s // DAY_S * DAY_S
            end = first + DAY_S
        while record.occurred_at_s >= end:
            yield _day(customers, waiting, first, end)
            waiting = []
            end += DAY_S
        waiting.append(record)
    yield _day(customers, waiting, first, end)


def _day(customers: Customers, records: list[SourceRecord], first: float, end: float) -> Day:
    """Absorb the records of a day. Customers are evaluated at its end, or at their last event if that is later."""
    records_of = by_topic(records)
    customers.open(sorted({record.key for record in records}))
    for topic in TOPICS:
        customers.absorb(topic, records_of.get(topic, ()))
    batch, engine = customers.batch, customers.engine
    batch.settle()
    now = np.maximum(batch["last_seen"], end)
    number = round((end - first) / DAY_S) - 1
    counted = Records(*(batch[name].astype(np.int64) for name in ("purchases", "purchase_days", "spend")))
    numbers = activity_mix.compute(batch, now, engine.rules.decay).tolist()
    mixes = list(map(Mix, numbers, shares_of(batch.categories, customers.names)))
    return Day(number, end, customers.ids, engine.features(batch, now), mixes, counted)
