"""Populations for the benches of clustering: customers day by day, from the real decoder and the real engine.

All are folded as a worker folds them, in one process and without Kafka, and seen at the end of each day.
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
HOUSEHOLDS = 2_500  # their numbers go up to this
SIMULATED_DAYS = 180
SALE_DAY = 80  # to day 93
DISTURBED = Disturbances(drift_share=0.5, sale_day=SALE_DAY)

Rows64 = NDArray[np.float64]


@dataclass(frozen=True)
class Day:
    """Everyone at the end of a day: `rows` (n, len(FEATURES)) of the n customers seen so far, as in `keys`.

    `number` counts days from 1, `clock` is its end in epoch seconds; who is new comes last, so that a customer is in
    the same row every day.
    """

    number: int
    clock: float
    keys: list[str]
    rows: Rows64


def days(source: Iterable[SourceRecord], start_s: float) -> Iterator[Day]:
    """A source day by day from `start_s` (epoch seconds), as far as it goes; records of a day must lie together."""
    customers, last = Customers(HALF_LIFE_S), 0
    for number, records in groupby(source, key=lambda record: int((record.occurred_at_s - start_s) // DAY_S) + 1):
        yield from (_seen(customers, silent, start_s) for silent in range(last + 1, number) if last)
        for topic, said in by_topic(records).items():
            customers.absorb(topic, said)
        yield _seen(customers, number, start_s)
        last = number


def _seen(customers: Customers, number: int, start_s: float) -> Day:
    clock, held = start_s + number * DAY_S, customers.held
    held.settle()
    return Day(number, clock, customers.ids, customers.engine.features(held, np.full(len(held), clock)))


@cache
def _complete_journey() -> CompleteJourney:
    return CompleteJourney()  # reads its files once


def journey(households: int = HOUSEHOLDS, days: int = YEAR) -> Iterator[SourceRecord]:
    """Records of Complete Journey: of households numbered up to `households`, over the first days of 2017."""
    within = takewhile(lambda record: record.occurred_at_s < YEAR_BEGINS_S + days * DAY_S, _complete_journey())
    return (record for record in within if int(record.key.removeprefix(b"h-")) <= households)


def complete_journey(households: int = HOUSEHOLDS, last_day: int = YEAR) -> Iterator[Day]:
    """The households of 2017 day by day."""
    return days(journey(households, last_day), YEAR_BEGINS_S)


def simulation(customers: int, seed: int) -> Simulation:
    """The shop that changes: half of its customers become another kind once, and two weeks are a sale."""
    return simulate(customers, SIMULATED_DAYS, seed=seed, disturbances=DISTURBED)


def simulated(shop: Simulation, last_day: int = SIMULATED_DAYS) -> Iterator[Day]:
    """A simulated shop day by day."""
    return takewhile(lambda day: day.number <= last_day, days(shop, shop.start_ms / 1000))
