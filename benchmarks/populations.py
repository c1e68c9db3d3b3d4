"""Populations for the benches of clustering: customers day by day, from the real decoder and the real engine.

Both are folded as a worker folds them, in one process and without Kafka, and seen at the end of each day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from time import time

import numpy as np
from numpy.typing import NDArray

from stream_seg.contracts.decode import Decoder
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.vocabulary import TOPICS
from stream_seg.core.working_set import WorkingSet
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import Disturbances, Simulation, simulate

HALF_LIFE_S = 30 * DAY_S
YEAR = 365
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


class Fold:
    """All customers in one working set, fed with records of a source."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._decoders = {topic: Decoder(topic) for topic in TOPICS}
        self._offsets = dict.fromkeys(TOPICS, 0)
        self._wall = time()
        self.held: WorkingSet = engine.working_set()

    def absorb(self, records: Iterable[SourceRecord]) -> None:
        """Absorb records in the order given. Raises ValueError for one that is no event: a bench has none."""
        by_topic: dict[str, list[SourceRecord]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, said in by_topic.items():
            self._absorb(topic, said)

    def _absorb(self, topic: str, said: list[SourceRecord]) -> None:
        keys = [record.key for record in said]
        good = self._decoders[topic].decode([record.value for record in said], list(keys), self._wall)
        if good.rejected:
            raise ValueError(f"a record of {topic} was rejected: {good.rejected[0].detail}")
        absent = self.held.absent(keys)
        new = [key for key in dict.fromkeys(keys) if key in absent]
        if new:
            self.held.open(new, [self._engine.new_customer(1).pack() for _ in new])
        first = self._offsets[topic]
        offsets = list(range(first, first + len(said)))
        self._offsets[topic] += len(said)
        rows = Rows(self.held.rows(keys), offsets, good.events, good.times, good.amounts or [0] * len(said))
        self._engine.absorb_rows(TOPICS.index(topic), rows, self.held)

    def features(self, clock: float) -> Rows64:
        """Features of everyone (n, len(FEATURES)) at `clock`."""
        self.held.settle()
        return self._engine.features(self.held, np.full(len(self.held), clock))


def days(source: Iterable[SourceRecord], start_s: float) -> Iterator[Day]:
    """A source day by day from `start_s` (epoch seconds), as far as it goes; records of a day must lie together."""
    fold, last = Fold(Engine(Rules(Decay(HALF_LIFE_S)))), 0
    for number, records in groupby(source, key=lambda record: int((record.occurred_at_s - start_s) // DAY_S) + 1):
        yield from (_seen(fold, silent, start_s) for silent in range(last + 1, number) if last)
        fold.absorb(records)
        yield _seen(fold, number, start_s)
        last = number


def _seen(fold: Fold, number: int, start_s: float) -> Day:
    clock = start_s + number * DAY_S
    return Day(number, clock, [key.decode() for key in fold.held.keys], fold.features(clock))


def complete_journey() -> Iterator[Day]:
    """The year of 2,469 households, 2017."""
    return (day for day in days(CompleteJourney(), 1_483_228_800.0) if day.number <= YEAR)


def simulation(customers: int, seed: int) -> Simulation:
    """The shop that changes: half of its customers become another kind once, and two weeks are a sale."""
    return simulate(customers, SIMULATED_DAYS, seed=seed, disturbances=DISTURBED)


def simulated(shop: Simulation) -> Iterator[Day]:
    """A simulated shop day by day."""
    return days(shop, shop.start_ms / 1000)
