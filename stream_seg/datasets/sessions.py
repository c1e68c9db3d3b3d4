"""One time step of a simulated shop: sessions, carts, orders, and later returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stream_seg.datasets.archetypes import Floats, Integers, Population, column
from stream_seg.datasets.record import SourceRecord

CATEGORIES: Final = (
    "grocery",
    "home",
    "beauty",
    "clothing",
    "electronics",
    "toys",
    "garden",
    "books",
    "sports",
    "pets",
)
PRODUCTS: Final = 200  # a category
ZIPF: Final = 1.05
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
NEWSLETTER_DAYS: Final = 14
SALE_PRICE: Final = 0.75
COUPON_PRICE: Final = 0.9
CANCELLED: Final = 0.02  # share of online orders that are sent back
REFUNDED: Final = 0.03  # share of other orders that are sent back
AGES: Final = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
COUNTRIES: Final = ("US", "CA", "GB", "DE", "FR")
# Relative number of sessions in each of the 24 hours of a day.
HOURS: Final = np.array([4, 2, 1, 1, 1, 2, 4, 6, 7, 8, 9, 9, 10, 9, 8, 8, 9, 11, 13, 15, 16, 14, 10, 7], np.float64)
FEW: Final = 12  # most lines per order

Bools = NDArray[np.bool_]
Event = tuple[int, int, str, str]  # time (epoch ms), customer, topic, rest of the JSON after `occurred_at`


class Disorder(Protocol):
    """Disorder of arrival compared with the order of events. Shares are 0..1."""

    @property
    def late_share(self) -> float: ...
    @property
    def duplicate_share(self) -> float: ...


@dataclass(frozen=True)
class Step:
    """Some hours of one day, with their own random generator."""

    run: str  # prefix of all ids
    day: int
    from_hour: int
    to_hour: int
    day_ms: int  # when the day begins
    last_ms: int  # when the simulation ends
    sale: bool
    rng: Generator

    @property
    def start_ms(self) -> int:
        """Return when the step begins, epoch ms."""
        return self.day_ms + self.from_hour * HOUR_MS

    @property
    def end_ms(self) -> int:
        """Return when the next step begins, epoch ms."""
        return self.day_ms + self.to_hour * HOUR_MS

    def turn(self, customers: Integers) -> Integers:
        """Return the customers of this step. Work that concerns all customers is spread over the steps of a day."""
        hours = self.to_hour - self.from_hour
        mine: Integers = customers[customers % (24 // hours) == self.from_hour // hours]
        return mine


class Catalogue:
    """Products of ten categories with Zipf-like popularity. A product number is `category * PRODUCTS + rank`."""

    def __init__(self, rng: Generator) -> None:
        self.cents = np.maximum(99, rng.lognormal(7.1, 0.6, len(CATEGORIES) * PRODUCTS)).astype(np.int64)
        self._ranks = _cumulative(np.arange(1.0, PRODUCTS + 1) ** -ZIPF)
        self._categories = _cumulative(np.arange(1.0, len(CATEGORIES) + 1) ** -0.5)

    def draw(self, favourite: Integers, rng: Generator) -> Integers:
        """Return one product per entry, half of them from the favorite category."""
        category = np.searchsorted(self._categories, rng.random(len(favourite)), side="right")
        category = np.where(rng.random(len(favourite)) < 0.5, favourite, category)
        drawn: Integers = category * PRODUCTS + np.searchsorted(self._ranks, rng.random(len(favourite)), side="right")
        return drawn


def generate(
    step: Step, population: Population, catalogue: Catalogue, disorder: Disorder
) -> Iterator[tuple[int, SourceRecord]]:
    """Return (arrival time in epoch ms, record) of everything that begins in the step, unordered."""
    events = [event for event in _events(step, population, catalogue) if event[0] < step.last_ms]
    return _arrivals(events, step, disorder)


def _events(step: Step, population: Population, catalogue: Catalogue) -> Iterator[Event]:
    yield from _new_customers(step, population)
    if step.day % NEWSLETTER_DAYS == 0:
        yield from _newsletter(step, population)
    yield from Sessions(step, population, catalogue).events()


def _new_customers(step: Step, population: Population) -> Iterator[Event]:
    joining = step.turn(np.flatnonzero(population.joined_day == step.day))
    ages = step.rng.integers(0, len(AGES), len(joining)).tolist()
    countries = step.rng.choice(len(COUNTRIES), len(joining), p=(0.5, 0.1, 0.15, 0.15, 0.1)).tolist()
    for customer, age, country in zip(joining.tolist(), ages, countries, strict=True):
        traits = f'"traits":{{"age":"{AGES[age]}","country":"{COUNTRIES[country]}"}}'
        yield step.start_ms, customer, "profiles", f'"type":"identify",{traits}'


def _newsletter(step: Step, population: Population) -> Iterator[Event]:
    readers = step.turn(np.flatnonzero(population.joined_day <= step.day))
    sent = step.rng.integers(step.start_ms, step.end_ms, len(readers))
    opened = step.rng.random(len(readers)) < column("opens")[population.archetypes(step.day)[readers]]
    read = sent + step.rng.integers(60_000, 12 * HOUR_MS, len(readers))
    for customer, at, opens, later in zip(readers.tolist(), sent.tolist(), opened.tolist(), read.tolist(), strict=True):
        yield at, customer, "interactions", '"type":"campaign_received","channel":"email"'
        if opens:
            yield later, customer, "interactions", '"type":"email_opened","channel":"email"'


class Sessions:
    """The sessions that begin in a step, as columns. `who` is the customer, one entry per session."""

    def __init__(self, step: Step, population: Population, catalogue: Catalogue) -> None:
        rng = step.rng
        hours = HOURS[step.from_hour : step.to_hour]
        expected = population.sessions(step.day, step.sale) * (hours.sum() / HOURS.sum())
        self.step = step
        self.who = np.repeat(np.arange(len(expected)), rng.poisson(expected))
        size = len(self.who)
        self.kind = population.archetypes(step.day)[self.who]
        hour = step.from_hour + np.searchsorted(_cumulative(hours), rng.random(size), side="right")
        self.start_ms = step.day_ms + hour * HOUR_MS + rng.integers(0, HOUR_MS, size)
        self.pace_ms = rng.integers(5_000, 90_000, size)  # between two events of a session
        self.store = self._happens("store")
        self.app = rng.random(size) < population.app[self.who]
        self.cart = self._happens("carts") | self.store
        self.checkout = self.cart & (self._happens("checkouts") | self.store)
        self.order = self.checkout & (self._happens("orders") | self.store)
        self.coupon = self.order & self._happens("coupons")
        self.views = np.where(self.store, 0, 1 + rng.poisson(self._of("views") - 1))
        self.lines = np.where(self.cart, np.minimum(1 + rng.poisson(self._of("lines") - 1), FEW), 0)
        # Products are viewed before they go into the cart.
        touched = np.maximum(self.views, self.lines)
        self.session = np.repeat(np.arange(size), touched)
        self.place = np.arange(len(self.session)) - np.repeat(np.cumsum(touched) - touched, touched)
        self.product = catalogue.draw(population.favourite[self.who][self.session], rng)
        self.quantity = 1 + rng.poisson(0.15, len(self.session))
        factor = (self._of("price") * population.means[self.who] * (SALE_PRICE if step.sale else 1.0))[self.session]
        self.line_cents = (
            np.maximum(1, np.rint(catalogue.cents[self.product] * factor)).astype(np.int64) * self.quantity
        )

    def _of(self, field: str) -> Floats:
        return column(field)[self.kind]

    def _happens(self, field: str) -> Bools:
        return self.step.rng.random(len(self.who)) < self._of(field)

    def events(self) -> Iterator[Event]:
        """Yield all events of the sessions, kind by kind."""
        in_cart = self.place < self.lines[self.session]
        viewed = self.place < self.views[self.session]
        yield from self._touches("product_viewed", viewed, 0)
        yield from self._touches("product_added", in_cart & ~self.store[self.session], 1)
        checkouts = np.flatnonzero(self.checkout & ~self.store)
        for i, at in zip(checkouts.tolist(), self._after(checkouts, 1), strict=True):
            yield at, int(self.who[i]), "interactions", f'"type":"checkout_started","channel":"{self._channel(i)}"'
        yield from self._orders(in_cart)

    def _touches(self, kind: str, which: Bools, after_views: int) -> Iterator[Event]:
        session, product = self.session[which], self.product[which]
        place = self.place[which] + after_views * self.views[session]
        times = self.start_ms[session] + place * self.pace_ms[session]
        for at, customer, app, number in zip(
            times.tolist(), self.who[session].tolist(), self.app[session].tolist(), product.tolist(), strict=True
        ):
            yield (
                at, customer, "interactions",
                f'"type":"{kind}","channel":"{"app" if app else "web"}","product_id":"p-{number}",'
                f'"category":"{CATEGORIES[number // PRODUCTS]}"',
            )  # fmt: skip

    def _orders(self, in_cart: Bools) -> Iterator[Event]:
        orders = np.flatnonzero(self.order)
        cents = np.bincount(self.session[in_cart], self.line_cents[in_cart], len(self.who)).astype(np.int64)
        full, cents = cents, np.where(self.coupon, np.rint(cents * COUPON_PRICE).astype(np.int64), cents)
        items = self._items(in_cart)
        for number, (i, at) in enumerate(zip(orders.tolist(), self._after(orders, 2), strict=True)):
            customer, amount, channel = int(self.who[i]), int(cents[i]), self._channel(i)
            order = f'"order_id":"{self.step.run}-o{self.step.day}.{self.step.from_hour}.{number}"'
            coupon = f',"coupon":"SAVE10","discount":{_money(int(full[i]) - amount)}' if self.coupon[i] else ""
            yield (
                at, customer, "purchases",
                f'"type":"order_completed","channel":"{channel}",{order},"amount":{_money(amount)},"currency":"USD",'
                f'"items":[{items[i]}]{coupon}',
            )  # fmt: skip
            if coupon:
                yield at, customer, "interactions", f'"type":"coupon_redeemed","channel":"{channel}"'
            yield from self._sent_back(customer, at, amount, order, channel)

    def _sent_back(self, customer: int, at: int, amount: int, order: str, channel: str) -> Iterator[Event]:
        luck, when, part = self.step.rng.random(3).tolist()
        if luck < CANCELLED and channel != "store":
            later, kind, back = at + HOUR_MS + round(when * 23 * HOUR_MS), "order_cancelled", amount
        elif luck < CANCELLED + REFUNDED:
            later, kind = at + DAY_MS + round(when * 13 * DAY_MS), "order_refunded"
            back = amount if part < 0.6 else max(1, round(amount * part / 2))
        else:
            return
        yield (
            later, customer, "purchases",
            f'"type":"{kind}","channel":"{channel}",{order},"amount":{_money(back)},"currency":"USD"',
        )  # fmt: skip

    def _items(self, in_cart: Bools) -> dict[int, str]:
        listed: dict[int, str] = {}
        which = in_cart & self.order[self.session]
        for i, number, quantity in zip(
            self.session[which].tolist(), self.product[which].tolist(), self.quantity[which].tolist(), strict=True
        ):
            category = CATEGORIES[number // PRODUCTS]
            item = f'{{"product_id":"p-{number}","category":"{category}","quantity":{quantity}}}'
            listed[i] = f"{listed[i]},{item}" if i in listed else item
        return listed

    def _after(self, which: Integers, places: int) -> list[int]:
        online = ~self.store[which]
        places_before = self.views[which] + self.lines[which] + places
        times: list[int] = (self.start_ms[which] + online * places_before * self.pace_ms[which]).tolist()
        return times

    def _channel(self, i: int) -> str:
        if self.store[i]:
            return "store"
        return "app" if self.app[i] else "web"


def _arrivals(events: list[Event], step: Step, disorder: Disorder) -> Iterator[tuple[int, SourceRecord]]:
    rng, size = step.rng, len(events)
    late = np.where(rng.random(size) < disorder.late_share, rng.integers(0, DAY_MS, size), 0).tolist()
    again = np.where(rng.random(size) < disorder.duplicate_share, rng.integers(1, 300_000, size), 0).tolist()
    prefix = f"{step.run}-{step.day}.{step.from_hour}."
    happened = np.array([at for at, _, _, _ in events], "datetime64[ms]")
    texts = np.datetime_as_string(happened, unit="ms").tolist()
    for number, ((at, customer, topic, rest), text) in enumerate(zip(events, texts, strict=True)):
        value = f'{{"event_id":"{prefix}{number}","customer_id":"c-{customer:06}","occurred_at":"{text}Z",{rest}}}'
        record = SourceRecord(topic, b"c-%06d" % customer, value.encode(), at / 1000)
        yield at + late[number], record
        if again[number]:
            yield at + late[number] + again[number], record


def _cumulative(weights: NDArray[np.floating[Any]]) -> Floats:
    """Return cumulative shares. The last is exactly 1, so that no draw from [0, 1) falls beyond it."""
    total: Floats = np.cumsum(weights) / weights.sum()
    total[-1] = 1.0
    return total


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
