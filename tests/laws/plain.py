"""Plain counts over a whole history, as an oracle without state, rings or order of arrival."""

from __future__ import annotations

from math import inf
from typing import Any

from stream_seg.core.decay import DAY_S
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT
from stream_seg.core.events.taxonomy import DISCOUNTED, ORDERS, REFUNDED, SPEND

from .histories import DECAY, Act, History


def plain_counts(history: History) -> dict[str, Any]:
    """Return counts, money, times and distinct purchase days, by the names of the record's fields."""
    orders, cancelled, taken, unmatched = _orders(history)
    counted = [order for order_id, order in orders.items() if order_id not in cancelled]
    back = sum(taken.values()) + sum(max(act.amount, 0) for act in unmatched)
    return {
        "purchases": len(counted),
        "spend": sum(act.amount for act in orders.values()) - back,
        "refunds": sum(act.event.get("type") == "order_refunded" for act in _without_repeats(history)),
        "refunded": back,
        "coupon_orders": sum(order.event["coupon"] is not None for order in counted),
        "interactions": sum(act.topic == "interactions" for act in history),
        "purchase_days": len({act.t // DAY_S for act in counted}),
        "first_purchase": min((act.t for act in counted), default=inf),
        "last_purchase": max((act.t for act in counted), default=-inf),
        "first_seen": min(act.t for act in history),
        "last_seen": max(act.t for act in history),
    }


def plain_sums(history: History) -> dict[int, float]:
    """Return decayed orders and money by slot, counted from the landmark of the last event."""
    orders, cancelled, taken, unmatched = _orders(history)
    landmark = DECAY.landmark(max(act.t for act in history))
    weight = {order_id: DECAY.weight(act.t, landmark) for order_id, act in orders.items()}
    counted = orders.keys() - cancelled
    back = sum(amount * weight[order_id] for order_id, amount in taken.items())
    back += sum(max(act.amount, 0) * DECAY.weight(act.t, landmark) for act in unmatched)
    return {
        ORDERS: sum(weight[order_id] for order_id in counted),
        SPEND: sum(act.amount * weight[order_id] for order_id, act in orders.items()) - back,
        REFUNDED: back,
        DISCOUNTED: sum(orders[each].amount * weight[each] for each in counted if orders[each].event["coupon"]),
    }


def _orders(history: History) -> tuple[dict[str, Act], set[str], dict[str, int], History]:
    """Return orders as last stated, cancelled ones, the amount taken back of each, and acts without a known order."""
    purchases = [act for act in _without_repeats(history) if act.topic == "purchases"]
    orders: dict[str, Act] = {}
    for act in sorted((act for act in purchases if "type" not in act.event), key=_stated):
        orders[act.event["order_id"]] = act
    against = [act for act in purchases if "type" in act.event]
    matched = [act for act in against if act.event["order_id"] in orders]
    cancelled = {act.event["order_id"] for act in matched if act.event["type"] == "order_cancelled"}
    taken = dict.fromkeys(orders, 0)
    for act in matched:
        ordered = orders[act.event["order_id"]].amount
        taken[act.event["order_id"]] += ordered if act.amount == ALL_THAT_IS_LEFT else act.amount
    for order_id, order in orders.items():
        taken[order_id] = order.amount if order_id in cancelled else min(taken[order_id], order.amount)
    unmatched = [act for act in against if act.event["order_id"] not in orders]
    return orders, cancelled, taken, _one_cancellation_each(unmatched)


def _stated(act: Act) -> tuple[float, int]:
    """Return the key by which the last statement of an order is the one that counts."""
    return act.event.get("updated_at", act.t), act.amount


def _without_repeats(history: History) -> History:
    """Return a history with each refund id of an order once."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for act in history:
        refund = act.event.get("refund_id")
        if refund is not None:
            if (act.event["order_id"], refund) in seen:
                continue
            seen.add((act.event["order_id"], refund))
        kept.append(act)
    return kept


def _one_cancellation_each(acts: History) -> History:
    """Return acts with the largest cancellation of each order that never came."""
    cancellations: dict[str, Act] = {}
    for act in sorted((act for act in acts if act.event["type"] == "order_cancelled"), key=lambda a: (a.amount, a.t)):
        cancellations[act.event["order_id"]] = act
    return [act for act in acts if act.event["type"] != "order_cancelled"] + list(cancellations.values())
