"""The simulator's customers: six archetypes, and a population drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Archetype:
    """The shopping habits of one kind of customer. Rates are per 30 days, probabilities and shares 0..1."""

    name: str
    share: float  # share of all customers
    sessions: float  # per 30 days, at most (see `fade_days`)
    store: float  # probability that a session is a store visit, which has only the order and no views or cart
    views: float  # products viewed per session
    carts: float  # probability that a session fills a cart
    checkouts: float  # probability that a cart gets to the checkout
    orders: float  # probability that a checkout becomes an order
    lines: float  # products per cart
    price: float  # multiple of the catalog's prices
    coupons: float  # probability that an order uses a coupon
    opens: float  # probability that an email is opened
    sale: float  # multiple of sessions while a sale is on
    fade_days: float = inf  # half-life of the sessions, once they begin to fade
    joins: bool = False  # true for customers who join during the simulation


# fmt: off
ARCHETYPES: Final = (
    #         name                share sess store views carts check orders lines price coup opens sale
    Archetype("loyal big baskets", 0.12,  6., 0.30,  3.0, 0.80, 0.92, 0.94,  8.0, 1.30, 0.10, 0.50, 1.2),
    Archetype("frequent small",    0.18, 15., 0.40,  2.0, 0.75, 0.92, 0.95,  2.0, 0.80, 0.05, 0.30, 1.1),
    Archetype("bargain hunter",    0.18,  7., 0.05,  4.0, 0.50, 0.60, 0.75,  4.0, 0.60, 0.80, 0.70, 2.5),
    Archetype("browser",           0.25, 10., 0.00,  6.0, 0.15, 0.30, 0.50,  1.5, 1.00, 0.10, 0.40, 1.4),
    Archetype("lapsing",           0.15,  8., 0.15,  3.0, 0.60, 0.80, 0.90,  3.0, 1.00, 0.15, 0.15, 1.2, fade_days=15.),
    Archetype("new",               0.12,  8., 0.10,  4.0, 0.50, 0.75, 0.85,  3.0, 1.00, 0.50, 0.60, 1.3, joins=True),
)
# fmt: on

NAMES: Final = tuple(archetype.name for archetype in ARCHETYPES)


def column(field: str) -> Floats:
    """Return one property of all archetypes, in their order."""
    return np.array([getattr(archetype, field) for archetype in ARCHETYPES], np.float64)


class Population:
    """The simulated customers, with the traits that do not change from session to session.

    `drift_share` of them change their archetype once, on a day drawn per customer. No customer drifts into joining.
    """

    def __init__(self, customers: int, days: int, categories: int, drift_share: float, rng: Generator) -> None:
        shares = column("share")
        self.first = rng.choice(len(ARCHETYPES), customers, p=shares / shares.sum())
        self.joined_day = np.where(column("joins")[self.first] > 0, rng.integers(0, max(1, days - 1), customers), 0)
        drifts = rng.random(customers) < drift_share
        self.drift_day = np.where(drifts, rng.integers(self.joined_day, days, customers) + 1, days + 1)
        settled = np.flatnonzero(column("joins") == 0)
        step = rng.integers(1, len(settled), customers)
        self.then = settled[(np.searchsorted(settled, self.first) + step) % len(settled)]
        self.fade_day = rng.integers(0, max(1, days // 2), customers)
        self.activity = rng.gamma(8.0, 1 / 8, customers)  # multiple of the archetype's sessions
        self.means = rng.lognormal(0.0, 0.25, customers)  # multiple of the archetype's prices
        self.favourite = rng.integers(0, categories, customers)
        self.app = rng.beta(1.0, 1.0, customers)  # share of online sessions in the app

    def archetypes(self, day: float) -> Integers:
        """Return the archetype index of each customer on a day, shape (customers,)."""
        return np.where(day < self.drift_day, self.first, self.then)

    def sessions(self, day: int, sale: bool) -> Floats:
        """Return the expected number of sessions of each customer on a day, shape (customers,)."""
        now = self.archetypes(day)
        fades_from = np.where(day < self.drift_day, self.fade_day, self.drift_day)
        faded = 0.5 ** (np.maximum(0, day - fades_from) / column("fade_days")[now])
        rate = column("sessions")[now] / 30 * self.activity * faded
        if sale:
            rate = rate * column("sale")[now]
        return np.where(day >= self.joined_day, rate, 0.0)
