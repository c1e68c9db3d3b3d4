"""The yardstick: the expected result of every customer, computed from the sent events.

It uses nothing of stream_seg, so that a mistake there is not repeated here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, log, log1p
from typing import Any

from tests.integration.support.events import Sent

DAY_S = 86_400.0
HALF_LIFE_S = 30 * DAY_S
PER_MONTH = log(2) / HALF_LIFE_S * 30 * DAY_S
TIE = 1e-9
FAINT = 1e-6


@dataclass
class Order:
    """One order: time, cents, cents of its refunds, and whether it is canceled or refunded in full.

    `stated_at` is the time of the statement whose amount counts. `refund_ids` are those of refunds that counted.
    """

    t: float | None = None
    cents: int = 0
    stated_at: float = -inf
    refund_ids: set[str] = field(default_factory=set)
    refunded: int = 0
    cancelled: bool = False
    whole: bool = False

    @property
    def back(self) -> int:
        """Return the cents taken back, never more than the order was worth."""
        return self.cents if self.cancelled or self.whole else min(self.refunded, self.cents)


@dataclass
class Expected:
    """One customer: counts, money in cents, times in epoch seconds, and a history.

    `orders` are by id. `browsed` holds the times of all other activity. Refunds and cancellations act at the time of
    their order, whichever came first. A canceled order counts as never placed.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    browsed: list[float] = field(default_factory=list)
    refunds: int = 0
    interactions: int = 0
    first_seen: float = inf
    last_seen: float = -inf
    traits: dict[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> tuple[float, ...]:
        """Return the exact values: counts, money, and the times behind recency."""
        orders = self.orders.values()
        times = self._order_times()
        return (
            sum(not order.cancelled for order in orders),
            sum(order.cents - order.back for order in orders),
            self.refunds,
            sum(order.back for order in orders),
            self.interactions,
            self.first_seen,
            self.last_seen,
            min(times, default=inf),
            max(times, default=-inf),
            len({t // DAY_S for t in times}),
        )

    @property
    def decayed(self) -> tuple[float, float, float, float]:
        """Return orders, cents kept, cents taken back and interactions, each decayed to the last time seen."""
        return self.sums(self.last_seen)

    def sums(self, now: float) -> tuple[float, float, float, float]:
        """Return the same sums at `now`."""
        weighed = [
            (2 ** ((order.t - now) / HALF_LIFE_S), order) for order in self.orders.values() if order.t is not None
        ]
        return (
            sum(weight for weight, order in weighed if not order.cancelled),
            sum(weight * (order.cents - order.back) for weight, order in weighed),
            sum(weight * order.back for weight, order in weighed),
            sum(2 ** ((t - now) / HALF_LIFE_S) for t in self.browsed),
        )

    def features(self, now: float) -> dict[str, float]:
        """Return the features at `now`, as the benchmarks' model uses them."""
        orders, cents, back, browsed = self.sums(now)
        spend, refunded = max(cents, 0.0) / 100, back / 100
        return {
            "order_rate": orders * PER_MONTH,
            "spend_rate": spend * PER_MONTH,
            "basket_value": spend / orders if orders > FAINT else 0.0,
            "recency_days": (now - max(self._order_times(), default=self.first_seen)) / DAY_S,
            "browse_rate": browsed * PER_MONTH,
            "refund_share": refunded / (spend + refunded) if spend + refunded > FAINT else 0.0,
        }

    def segment(self, model: Mapping[str, Any], now: float) -> str | None:
        """Return the nearest center's segment at `now`, or None where two are equally near."""
        features = self.features(now)
        point = [
            ((log1p(features[name]) if logged else features[name]) - center) / scale
            for name, logged, center, scale in zip(
                model["features"], model["log"], model["center"], model["scale"], strict=True
            )
        ]
        distances = [
            sum((x - c) ** 2 for x, c in zip(point, centroid, strict=True)) ** 0.5 for centroid in model["centroids"]
        ]
        best, second = sorted(distances)[:2]
        return f"b{distances.index(best)}" if second - best > TIE else None

    def _order_times(self) -> list[float]:
        return [order.t for order in self.orders.values() if order.t is not None and not order.cancelled]


def expect(sent: Iterable[Sent]) -> dict[str, Expected]:
    """Return every customer of the good records, without repeats. A refund or cancellation must have its order."""
    customers: dict[str, Expected] = {}
    seen: set[tuple[str, str]] = set()
    for record in sent:
        if not record.good:
            continue
        event = json.loads(record.value)
        if (record.topic, event["event_id"]) in seen:
            continue
        seen.add((record.topic, event["event_id"]))
        _absorb(customers.setdefault(event["customer_id"], Expected()), record.topic, event)
    return customers


def _absorb(customer: Expected, topic: str, event: dict[str, Any]) -> None:
    t = datetime.fromisoformat(event["occurred_at"]).timestamp()
    customer.first_seen, customer.last_seen = min(customer.first_seen, t), max(customer.last_seen, t)
    if topic == "profiles":
        customer.traits |= event["traits"]
    elif topic == "interactions":
        customer.interactions += 1
        if event["type"] != "campaign_received":  # done to a customer, not by one
            customer.browsed.append(t)
    else:
        _absorb_purchase(customer, event, t)


def _absorb_purchase(customer: Expected, event: dict[str, Any], t: float) -> None:
    order = customer.orders.setdefault(event["order_id"], Order())
    cents = round(event.get("amount", 0) * 100)
    if event["type"] == "order_completed":
        stated_at = datetime.fromisoformat(event["updated_at"]).timestamp() if "updated_at" in event else t
        order.t = t  # a repeated order is the same order
        if stated_at >= order.stated_at:
            order.cents, order.stated_at = cents, stated_at
    elif event["type"] == "order_cancelled":
        order.cancelled = True
    elif event.get("refund_id") not in order.refund_ids:
        order.refund_ids |= {event["refund_id"]} if "refund_id" in event else set()
        order.refunded += cents
        order.whole = order.whole or "amount" not in event
        customer.refunds += 1
