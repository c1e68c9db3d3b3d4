"""Plain counts over a whole history, as an oracle without state, rings or order of arrival."""

from __future__ import annotations

from typing import Any

from stream_seg.core.decay import DAY_S
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT
from stream_seg.core.events.taxonomy import ORDERS, REFUNDED, SPEND

from .histories import DECAY, Act, History


def plain_counts(history: History) -> dict[str, Any]:
    """Return counts, money, times and distinct purchase days, by the names of the record's fields."""
    completed, cancelled, taken, unmatched = _orders(history)
    days = {act.t // DAY_S for act in completed.values()}
    back = sum(taken.values()) + sum(max(act.amount, 0) for act in unmatched)
    return {
        "purchases": len(completed.keys() - cancelled),
        "spend": sum(act.amount for act in completed.values()) - back,
        "refunds": sum(act.event.get("type") == "order_refunded" for act in history),
        "refunded": back,
        "interactions": sum(act.topic == "interactions" for act in history),
        "purchase_days": len(days),
        "first_seen": min(act.t for act in history),
        "last_seen": max(act.t for act in history),
    }


def plain_sums(history: History) -> dict[int, float]:
    """Return decayed orders and money by slot, counted from the landmark of the last event."""
    completed, cancelled, taken, unmatched = _orders(history)
    landmark = DECAY.landmark(max(act.t for act in history))
    weight = {order_id: DECAY.weight(act.t, landmark) for order_id, act in completed.items()}
    back = sum(amount * weight[order_id] for order_id, amount in taken.items())
    back += sum(max(act.amount, 0) * DECAY.weight(act.t, landmark) for act in unmatched)
    return {
        ORDERS: sum(weight[order_id] for order_id in completed.keys() - cancelled),
        SPEND: sum(act.amount * weight[order_id] for order_id, act in completed.items()) - back,
        REFUNDED: back,
    }


def _orders(history: History) -> tuple[dict[str, Act], set[str], dict[str, int], History]:
    """Return completed orders, cancelled ones, the amount taken back of each, and acts without a known order."""
    purchases = [act for act in history if act.topic == "purchases"]
    completed = {act.event["order_id"]: act for act in purchases if "type" not in act.event}
    against = [act for act in purchases if "type" in act.event]
    matched = [act for act in against if act.event["order_id"] in completed]
    cancelled = {act.event["order_id"] for act in matched if act.event["type"] == "order_cancelled"}
    taken = dict.fromkeys(completed, 0)
    for act in matched:
        ordered = completed[act.event["order_id"]].amount
        taken[act.event["order_id"]] += ordered if act.amount == ALL_THAT_IS_LEFT else act.amount
    for order_id, order in completed.items():
        taken[order_id] = order.amount if order_id in cancelled else min(taken[order_id], order.amount)
    return completed, cancelled, taken, [act for act in against if act.event["order_id"] not in completed]
