"""Populations for the benches of clustering: features of customers at the end of each day.

The real decoder and engine fold the events as in a worker, in one process and without Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, takewhile

import numpy as np
from numpy.typing import NDArray

from benchmarks.customers import Customers, by_topic
from stream_seg.core.decay import DAY_S
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import Disturbances, Simulation, simulate

HALF_LIFE_S = 30 * DAY_S
YEAR = 365
YEAR_BEGINS_S = 1_483_228_800.0  # 2017-01-01T00:00:00Z
HOUSEHOLDS = 2_500  # the highest number of a household
SIMULATED_DAYS = 180
SALE_DAY = 80  # the sale ends on day 93
DISTURBED = Disturbances(drift_share=0.5, sale_day=SALE_DAY)

Rows64 = NDArray[np.float64]


@dataclass(frozen=True)
class Day:
    """All customers at the end of a day: `rows` (n, len(FEATURES)) of the n customers in `keys`.

    `number` counts days from 1, and `clock` is the end of the day in epoch seconds. New customers come last, so that
    each customer has the same row every day.
    """

    number: int
    clock: float
    keys: list[str]
    rows: Rows64


def days(source: Iterable[SourceRecord], start_s: float) -> Iterator[Day]:
    """Yield the days of a source from `start_s` (epoch seconds) on. The records of a day must be adjacent."""
    customers, last = Customers(HALF_LIFE_S), 0
    for number, records in groupby(source, key=lambda record: int((record.occurred_at_s - start_s) // DAY_S) + 1):
        yield from (_seen(customers, silent, start_s) for silent in range(last + 1, number) if last)
        for topic, in_topic in by_topic(records).items():
            customers.absorb(topic, in_topic)
        yield _seen(customers, number, start_s)
        last = number


def _seen(customers: Customers, number: int, start_s: float) -> Day:
    clock, batch = start_s + number * DAY_S, customers.batch
    batch.settle()
    return Day(number, clock, customers.ids, customers.engine.features(batch, np.full(len(batch), clock)))


@cache
def _complete_journey() -> CompleteJourney:
    return CompleteJourney()  # reads its files once


def journey(households: int = HOUSEHOLDS, days: int = YEAR) -> Iterator[SourceRecord]:
    """Return records of Complete Journey for households numbered up to `households`, over the first days of 2017."""
    within = takewhile(lambda record: record.occurred_at_s < YEAR_BEGINS_S + days * DAY_S, _complete_journey())
    return (record for record in within if int(record.key.removeprefix(b"h-")) <= households)


def complete_journey(households: int = HOUSEHOLDS, last_day: int = YEAR) -> Iterator[Day]:
    """Yield the households of 2017 day by day."""
    return days(journey(households, last_day), YEAR_BEGINS_S)


def simulation(customers: int, seed: int) -> Simulation:
    """Return a shop in which half of the customers become another kind once, with a sale of two weeks."""
    return simulate(customers, SIMULATED_DAYS, seed=seed, disturbances=DISTURBED)


def simulated(shop: Simulation, last_day: int = SIMULATED_DAYS) -> Iterator[Day]:
    """Yield a simulated shop day by day."""
    return takewhile(lambda day: day.number <= last_day, days(shop, shop.start_ms / 1000))
