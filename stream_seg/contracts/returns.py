"""The meaning of negative amounts, and of refunds without an amount."""

from __future__ import annotations

from math import nan
from typing import Any

from . import reasons
from .loose import Json
from .reasons import Refused


def with_signs(event: Json) -> Json:
    """Return an event of the topic purchases with a non-negative amount, or a refund without an amount.

    A negative order is a return, so it becomes a refund of its absolute value. The amount of a refund or cancellation
    may have either sign. A refund without an amount gets the sum of its items. Without items it stays without an
    amount, and refunds the rest of the order. Raises Refused for a refund with items that have no price.
    """
    kind, amount = event.get("type", "order_completed"), event.get("amount")
    if isinstance(amount, int | float) and amount < 0:
        returned = {"type": "order_refunded"} if kind == "order_completed" else {}
        return {**event, **returned, "amount": -amount}
    if kind == "order_refunded" and amount is None:
        items = event.get("items")
        if items:
            return {**event, "amount": _sum_of(items)}
    return event


def _sum_of(items: Any) -> float:
    """Return the total value of items. Raises Refused if one has no price."""
    if not isinstance(items, list):
        detail = "amount is missing, and a number of items does not tell it. Send an amount, or items with prices."
        raise Refused(reasons.MISSING_FIELD, detail)
    worth = []
    for at, item in enumerate(items):
        line = item if isinstance(item, dict) else {}
        if line.get("price") is None:
            detail = (
                f"amount is missing, and items.{at} has no price. Send one of them, or no items to refund the rest."
            )
            raise Refused(reasons.MISSING_FIELD, detail)
        worth.append(_product(line["price"], line.get("quantity", 1)))
    return abs(sum(worth))


def _product(price: Any, quantity: Any) -> float:
    try:
        return float(price) * float(quantity)
    except (TypeError, ValueError, OverflowError):
        return nan  # validation refuses the line or the amount
