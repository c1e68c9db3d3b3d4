"""A shop with many returns, one-time buyers and pure browsers, as events in time order.

It tests that names and profiles of segments claim nothing that the records of customers without orders, or without
money kept, contradict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from stream_seg.core.decay import DAY_S
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.simulator import START_S

# The last name is longer than the names that workers keep.
CATEGORIES: Final = (
    "dresses", "shoes", "jackets", "jeans", "shirts", "bags", "hats", "socks", "belts", "swimwear",
    "Waterproof outdoor jackets, trousers and rain hats",
)  # fmt: skip
CHANNELS: Final = ("web", "app", "store")
BACK_WITHIN_DAYS: Final = (3.0, 14.0)


@dataclass(frozen=True)
class Kind:
    """A kind of customer. Rates are per 30 days, shares are 0..1, and `basket` is the median amount of an order."""

    name: str
    share: float  # share of all customers
    views: float
    orders: float = 0.0  # a rate, 0 with `placed`
    placed: int = 0  # total number of orders
    basket: float = 50.0
    sent_back: float = 0.0  # share of orders that are fully refunded
    cancelled: bool = False  # every order is canceled within an hour


KINDS: Final = (
    Kind("keeps", 0.15, views=8.0, orders=2.0, basket=45.0, sent_back=0.03),
    Kind("keeps much", 0.05, views=12.0, orders=1.5, basket=180.0, sent_back=0.1),
    Kind("sends most back", 0.10, views=25.0, orders=2.5, basket=90.0, sent_back=0.8),
    Kind("sent everything back", 0.12, views=4.0, placed=1, basket=80.0, sent_back=1.0),
    Kind("cancelled", 0.05, views=4.0, placed=1, cancelled=True),
    Kind("bought once", 0.15, views=2.0, placed=1),
    Kind("bought twice", 0.08, views=3.0, placed=2),
    Kind("browses", 0.20, views=20.0),
    Kind("passes by", 0.10, views=0.3),
)


def shop(customers: int, days: int, seed: int = 0) -> list[SourceRecord]:
    """Return the records of a number of customers and days. The same arguments give the same records."""
    rng = np.random.default_rng([seed, 7])
    kinds = rng.choice(len(KINDS), customers, p=[kind.share for kind in KINDS]).tolist()
    records = [
        record
        for number, kind in enumerate(kinds)
        for record in _customer(f"s-{number:05}", KINDS[kind], days * DAY_S, rng)
    ]
    ends = START_S + days * DAY_S
    within = (record for record in records if record.occurred_at_s < ends)
    return sorted(within, key=lambda record: (record.occurred_at_s, record.value))


def _customer(customer: str, kind: Kind, seconds: float, rng: Generator) -> Iterator[SourceRecord]:
    joined = rng.uniform(0.0, 0.4) * seconds
    months = (seconds - joined) / (30 * DAY_S)
    favourites = rng.choice(len(CATEGORIES), 2, replace=False)
    channel = CHANNELS[int(rng.choice(len(CHANNELS), p=(0.6, 0.3, 0.1)))]
    views = 1 + int(rng.poisson(kind.views * months))
    for number, at in enumerate(rng.uniform(joined, seconds, views).tolist()):
        what = CATEGORIES[int(rng.choice(favourites))]
        view = f'"type":"product_viewed","category":"{what}"'
        yield _event(customer, f"v{number}", at, "interactions", view, channel)
    placed = kind.placed or int(rng.poisson(kind.orders * months))
    for number, at in enumerate(rng.uniform(joined, seconds, placed).tolist()):
        yield from _order(customer, kind, number, at, channel, CATEGORIES[int(rng.choice(favourites))], rng)


def _order(
    customer: str, kind: Kind, number: int, at: float, channel: str, what: str, rng: Generator
) -> Iterator[SourceRecord]:
    amount = f'"amount":{kind.basket * float(rng.lognormal(0.0, 0.4)):.2f}'
    order = f'"order_id":"{customer}-{number}"'
    goods = f'"items":[{{"category":"{what}","quantity":1}}]'
    yield _event(customer, f"o{number}", at, "purchases", f'"type":"order_completed",{order},{amount},{goods}', channel)
    if kind.cancelled:
        yield _event(customer, f"c{number}", at + 3_600, "purchases", f'"type":"order_cancelled",{order}', channel)
    elif rng.random() < kind.sent_back:
        back = at + float(rng.uniform(*BACK_WITHIN_DAYS)) * DAY_S
        yield _event(customer, f"r{number}", back, "purchases", f'"type":"order_refunded",{order},{amount}', channel)


def _event(customer: str, event: str, at: float, topic: str, rest: str, channel: str) -> SourceRecord:
    occurred = START_S + at
    value = (
        f'{{"event_id":"{customer}-{event}","customer_id":"{customer}","occurred_at":{occurred:.3f},'
        f'"channel":"{channel}",{rest}}}'
    )
    return SourceRecord(topic, customer.encode(), value.encode(), occurred)
