"""What customers do in these tests: on whole days, with a half-life of one day, so weights are powers of two."""

from __future__ import annotations

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.orders import Outcome
from stream_seg.core.events.taxonomy import ORDERS, REFUNDED, SPEND

DECAY = Decay(DAY_S)


def order(who: Customer, day: float, name: str, amount: int, keep: int = 3) -> Outcome:
    """An order of `amount` minor units is completed."""
    return _say(who, "order_completed", day, name, amount, keep)


def refund(who: Customer, day: float, name: str, amount: int, keep: int = 3) -> Outcome:
    """`amount` minor units of an order go back."""
    return _say(who, "order_refunded", day, name, amount, keep)


def cancel(who: Customer, day: float, name: str, amount: int = 0, keep: int = 3) -> Outcome:
    """An order is cancelled."""
    return _say(who, "order_cancelled", day, name, amount, keep)


def _say(who: Customer, kind: str, day: float, name: str, amount: int, keep: int) -> Outcome:
    offset = who.offsets[0] + 1
    event = {"event_id": f"e-{offset}", "type": kind, "order_id": name}
    return Engine(Rules(DECAY, recent_orders=keep)).absorb(who, "purchases", offset, event, day * DAY_S, amount)


def view(who: Customer, day: float, event_id: str | None = None, keep: int = 8) -> Outcome:
    """A product is viewed."""
    offset = who.offsets[1] + 1
    event = {"event_id": event_id or f"v-{offset}", "type": "product_viewed"}
    return Engine(Rules(DECAY, recent_events=keep)).absorb(who, "interactions", offset, event, day * DAY_S)


def money(who: Customer) -> tuple[int, int, int, int]:
    """Orders, spend, refunds, and what was taken back."""
    return who.purchases, who.spend, who.refunds, who.refunded


def decayed(who: Customer) -> list[float]:
    """Decayed orders, spend, and what was taken back."""
    return [who.sums[ORDERS], who.sums[SPEND], who.sums[REFUNDED]]
