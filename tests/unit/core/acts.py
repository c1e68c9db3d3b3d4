"""Acts of customers in these tests, on whole days. The half-life is one day, so weights are powers of two."""

from __future__ import annotations

from typing import Any

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import ORDERS, REFUNDED, SPEND

DECAY = Decay(DAY_S)


def order(customer: Customer, day: float, name: str, amount: int, **fields: Any) -> Outcome:
    """Complete an order of `amount` minor units. `fields` are further fields of the event."""
    return _absorb(customer, "order_completed", day, name, amount, fields)


def refund(customer: Customer, day: float, name: str, amount: int, **fields: Any) -> Outcome:
    """Refund `amount` minor units of an order."""
    return _absorb(customer, "order_refunded", day, name, amount, fields)


def cancel(customer: Customer, day: float, name: str, amount: int = 0, **fields: Any) -> Outcome:
    """Cancel an order."""
    return _absorb(customer, "order_cancelled", day, name, amount, fields)


def _absorb(customer: Customer, kind: str, day: float, name: str, amount: int, fields: dict[str, Any]) -> Outcome:
    offset = customer.offsets[0] + 1
    event = {"event_id": f"e-{offset}", "type": kind, "order_id": name, **fields}
    return Engine(Rules(DECAY)).absorb(customer, "purchases", offset, event, day * DAY_S, amount)


def view(customer: Customer, day: float, event_id: str | None = None) -> Outcome:
    """View a product."""
    offset = customer.offsets[1] + 1
    event = {"event_id": event_id or f"v-{offset}", "type": "product_viewed"}
    return Engine(Rules(DECAY)).absorb(customer, "interactions", offset, event, day * DAY_S)


def money(customer: Customer) -> tuple[int, int, int, int]:
    """Return orders, spend, refunds, and money taken back."""
    return customer.purchases, customer.spend, customer.refunds, customer.refunded


def decayed(customer: Customer) -> list[float]:
    """Return decayed orders, spend, and money taken back."""
    return [customer.sums[ORDERS], customer.sums[SPEND], customer.sums[REFUNDED]]
