"""A seeded shop: customers of six kinds browse, fill carts, order and return goods, with configurable disorder."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np

from stream_seg.datasets.archetypes import NAMES, Integers, Population
from stream_seg.datasets.identity import identity_of
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.sessions import CATEGORIES, Catalogue, Step, generate
from stream_seg.errors import SourceError

START_S: Final = 1_735_689_600.0  # 2025-01-01T00:00:00Z
DAY_MS: Final = 86_400_000
SALE_DAYS: Final = 14
# A step holds at most this many customers' days, which bounds memory. Small shops need no steps within a day.
CUSTOMER_DAYS: Final = 20_000


@dataclass(frozen=True)
class Disturbances:
    """Difficulties of a simulation, all off by default. Shares are 0..1."""

    drift_share: float = 0.0  # customers who change their archetype once
    sale_day: int | None = None  # first of fourteen sale days
    late_share: float = 0.0  # events that arrive late, by up to a day
    duplicate_share: float = 0.0  # events that arrive twice, byte-identical


class Simulation:
    """Records in order of arrival, with the same bytes at every iteration, and the ground truth about every
    customer.

    Memory holds one step (a day of a small shop, an hour of a large one) and the pending arrivals: late events and
    refunds of the last fortnight.
    """

    name = "simulate"
    unit = "event"

    def __init__(self, customers: int, days: int, seed: int, start_s: float, disturbances: Disturbances) -> None:
        if customers < 1 or days < 1:
            raise SourceError(f"simulate: {customers} customers over {days} days; give at least 1 of each")
        if seed < 0:
            raise SourceError(f"simulate: the seed is {seed}; give 0 or more")
        self.customers = customers
        self.days = days
        self.seed = seed
        self.start_ms = round(start_s * 1000)
        self.disturbances = disturbances
        # Different simulations must not share ids, or a worker would treat one as a repetition of the other.
        self._told = repr((customers, days, seed, self.start_ms, disturbances))
        self.run = hashlib.blake2b(self._told.encode(), digest_size=4).hexdigest()
        rng = np.random.default_rng([seed, 0])
        self.population = Population(customers, days, len(CATEGORIES), disturbances.drift_share, rng)
        self._catalogue = Catalogue(rng)
        self._hours = next((hours for hours in (24, 12, 6, 3) if customers * hours <= CUSTOMER_DAYS * 24), 1)

    def identity(self) -> str:
        """Return a hash of the seed and of all options."""
        return identity_of(self.name, self._told)

    def customer_id(self, customer: int) -> str:
        """Return the customer id that the events carry for this customer number."""
        return f"c-{customer:06}"

    def archetypes(self, day: float) -> Integers:
        """Return indices into `archetypes.NAMES` for each customer on a day (counted from 0), shape (customers,)."""
        return self.population.archetypes(day)

    def truth(self, day: float) -> dict[str, str]:
        """Return customer id -> name of the archetype on a day."""
        return {self.customer_id(i): NAMES[code] for i, code in enumerate(self.archetypes(day).tolist())}

    def __iter__(self) -> Iterator[SourceRecord]:
        return (SourceRecord(*record[:4], line) for line, record in enumerate(self._arriving(), 1))

    def _arriving(self) -> Iterator[SourceRecord]:
        waiting: list[tuple[int, SourceRecord]] = []
        for step in self._steps():
            waiting += generate(step, self.population, self._catalogue, self.disturbances)
            waiting.sort(key=itemgetter(0))  # stable: events with equal arrival times stay in the order of generation
            arrived = bisect_left(waiting, step.end_ms, key=itemgetter(0))
            yield from (record for _, record in waiting[:arrived])
            del waiting[:arrived]
        yield from (record for _, record in waiting)

    def _steps(self) -> Iterator[Step]:
        sale = self.disturbances.sale_day
        end_ms = self.start_ms + self.days * DAY_MS
        for day in range(self.days):
            on = sale is not None and sale <= day < sale + SALE_DAYS
            for hour in range(0, 24, self._hours):
                rng = np.random.default_rng([self.seed, 1, day, hour])
                yield Step(self.run, day, hour, hour + self._hours, self.start_ms + day * DAY_MS, end_ms, on, rng)


def simulate(
    customers: int = 2_000,
    days: int = 180,
    *,
    seed: int = 0,
    start_s: float = START_S,
    disturbances: Disturbances | None = None,
) -> Simulation:
    """Return a shop with so many customers for so many days from `start_s` (epoch seconds).

    Each customer generates about one and a half events per day, a tenth of them orders.
    """
    return Simulation(customers, days, seed, start_s, disturbances or Disturbances())
