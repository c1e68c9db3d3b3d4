"""What a customer did, counted plainly over the whole history: no state, no rings, no order of arrival."""

from __future__ import annotations

from typing import Any

from stream_seg.core.decay import DAY_S
from stream_seg.core.events.orders import ALL_THAT_IS_LEFT
from stream_seg.core.events.taxonomy import ORDERS, REFUNDED, SPEND

from .histories import DECAY, History, Said


def plain_counts(history: History) -> dict[str, Any]:
    """Counts, money, times and distinct purchase days, named as a behaviour names them."""
    completed, cancelled, taken, waiting = _orders(history)
    days = {said.t // DAY_S for said in completed.values()}
    back = sum(taken.values()) + sum(max(said.amount, 0) for said in waiting)
    return {
        "purchases": len(completed.keys() - cancelled),
        "spend": sum(said.amount for said in completed.values()) - back,
        "refunds": sum(said.event.get("type") == "order_refunded" for said in history),
        "refunded": back,
        "interactions": sum(said.topic == "interactions" for said in history),
        "purchase_days": len(days),
        "first_seen": min(said.t for said in history),
        "last_seen": max(said.t for said in history),
    }


def plain_sums(history: History) -> dict[int, float]:
    """Decayed orders and money by slot, counted from the landmark of the last event."""
    completed, cancelled, taken, waiting = _orders(history)
    landmark = DECAY.landmark(max(said.t for said in history))
    weight = {order_id: DECAY.weight(said.t, landmark) for order_id, said in completed.items()}
    back = sum(amount * weight[order_id] for order_id, amount in taken.items())
    back += sum(max(said.amount, 0) * DECAY.weight(said.t, landmark) for said in waiting)
    return {
        ORDERS: sum(weight[order_id] for order_id in completed.keys() - cancelled),
        SPEND: sum(said.amount * weight[order_id] for order_id, said in completed.items()) - back,
        REFUNDED: back,
    }


def _orders(history: History) -> tuple[dict[str, Said], set[str], dict[str, int], History]:
    """Orders completed, those of them cancelled, what was taken back of each, and what no order is known for."""
    purchases = [said for said in history if said.topic == "purchases"]
    completed = {said.event["order_id"]: said for said in purchases if "type" not in said.event}
    against = [said for said in purchases if "type" in said.event]
    matched = [said for said in against if said.event["order_id"] in completed]
    cancelled = {said.event["order_id"] for said in matched if said.event["type"] == "order_cancelled"}
    taken = dict.fromkeys(completed, 0)
    for said in matched:
        whole = completed[said.event["order_id"]].amount
        taken[said.event["order_id"]] += whole if said.amount == ALL_THAT_IS_LEFT else said.amount
    for order_id, order in completed.items():
        taken[order_id] = order.amount if order_id in cancelled else min(taken[order_id], order.amount)
    return completed, cancelled, taken, [said for said in against if said.event["order_id"] not in completed]
