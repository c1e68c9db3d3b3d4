"""Shopify's webhooks: reads orders with cancellations and refunds, and refuses all other webhooks."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.loose import as_number
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

from .base import Format, Json, derived_id, first, fitting, object_in, objects_in, required_id

_CHANNELS: Final = {"web": "web", "pos": "store", "iphone": "app", "android": "app"}
# Every real amount is smaller. The limit also keeps whole numbers in the range of floats.
_TOO_MUCH: Final = 1e15
_INTAKE: Final = "Send it through `stream-seg intake`, which makes one event of each"


def _is_order(raw: Json) -> bool:
    return "line_items" in raw and "total_price" in raw and "created_at" in raw and "financial_status" in raw


def _native(_topic: str, raw: Json, ids: Placeholders) -> Json:
    events = _events(raw, ids)
    if raw.get("cancelled_at") is not None:
        # A cancellation takes back everything, even if the order itself did not come before.
        return events[-1]
    if len(events) > 1:
        detail = f"The record is a Shopify order with {len(events) - 1} refunds. {_INTAKE}."
        raise Refused(reasons.UNSUPPORTED_FORMAT, detail)
    return events[0]


def _events(raw: Json, _ids: Placeholders) -> list[Json]:
    if raw.get("test") is True:
        raise Refused(reasons.UNSUPPORTED_FORMAT, "The record is a Shopify test order. Leave it out.")
    customer = object_in(raw, "customer").get("id")
    if customer is None:
        detail = "customer is missing. This Shopify order was placed without an account, so it belongs to no customer."
        raise Refused(reasons.MISSING_FIELD, detail)
    about = {
        "customer_id": customer,
        "order_id": required_id(raw, "a Shopify order"),
        "currency": raw.get("currency"),
        "channel": _CHANNELS.get(str(raw.get("source_name")), "other"),
        "context": _context(raw),
    }
    order_at = first(raw, "processed_at", "created_at")
    events = [_completed(raw, about, order_at), *_refunds(raw, about, order_at)]
    if raw.get("cancelled_at") is not None:
        event_id = derived_id("shopify", "cancelled", raw.get("id"))
        cancelled = {"event_id": event_id, "type": "order_cancelled", "occurred_at": raw["cancelled_at"]}
        events.append({**about, **cancelled, "amount": raw.get("total_price"), "order_at": order_at})
    return events


def _completed(raw: Json, about: Json, order_at: Any) -> Json:
    codes = objects_in(raw, "discount_codes")
    return {
        **about,
        # An edited order is another event of the same order.
        "event_id": derived_id("shopify", "order", raw.get("id"), raw.get("updated_at")),
        "type": "order_completed",
        "occurred_at": order_at,
        "updated_at": raw.get("updated_at"),
        "amount": raw.get("total_price"),
        "items": [_line(line) for line in objects_in(raw, "line_items")],
        "discount": as_number(raw.get("total_discounts")),
        "coupon": codes[0].get("code") if codes else None,
    }


def _refunds(raw: Json, about: Json, order_at: Any) -> list[Json]:
    """Return the refunds that returned money. A refund that only restocks goods does not count."""
    found = []
    for refund in objects_in(raw, "refunds"):
        amount, currency = _refunded(refund)
        if amount:
            details = {
                "event_id": derived_id("shopify", "refund", required_id(refund, "a Shopify refund")),
                "type": "order_refunded",
                "occurred_at": first(refund, "processed_at", "created_at"),
                "amount": amount,
                "currency": currency or about["currency"],
                "refund_id": refund.get("id"),
                "order_at": order_at,
            }
            found.append({**about, **details})
    return found


def _refunded(refund: Json) -> tuple[float, Any]:
    """Return the refunded amount and its currency.

    They come from the successful payments, or from the lines if there are no payments. Lines have no currency.
    """
    payments = [each for each in objects_in(refund, "transactions") if each.get("kind") == "refund"]
    if payments:
        done = [each for each in payments if each.get("status") == "success"]
        return _sum(done, "amount"), done[0].get("currency") if done else None
    lines, adjustments = objects_in(refund, "refund_line_items"), objects_in(refund, "order_adjustments")
    goods = _sum(lines, "subtotal") + _sum(lines, "total_tax")
    # An adjustment is negative if it returns more than the goods, such as the shipping.
    return max(0.0, goods - _sum(adjustments, "amount") - _sum(adjustments, "tax_amount")), None


def _sum(parts: list[Json], field: str) -> float:
    total = 0.0
    for part in parts:
        value = as_number(part.get(field, 0))
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _TOO_MUCH:
            detail = f"{field} of a Shopify refund is {quoted(part.get(field))}, which is not a plain decimal of money."
            raise Refused(reasons.BAD_AMOUNT, detail)
        total += value
    return total


def _line(line: Json) -> Json:
    return {**fitting(line, "product_id", "price"), "quantity": line.get("quantity")}


def _context(raw: Json) -> Json:
    """Return the customer's location, from the billing address, the shipping address or the account."""
    account = object_in(object_in(raw, "customer"), "default_address")
    address = object_in(raw, "billing_address", "shipping_address") or account
    return {
        "location": {
            "country": first(address, "country", "country_code"),
            "region": first(address, "province", "province_code"),
            "city": address.get("city"),
        },
        "locale": raw.get("customer_locale"),
    }


def _is_refund(raw: Json) -> bool:
    return "refund_line_items" in raw and "order_id" in raw


def _refuse_refund(_topic: str, _raw: Json, _ids: Placeholders) -> Json:
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        "The record is a Shopify refund, which names no customer because its user_id is a staff member. Subscribe to "
        "orders/updated instead, whose orders hold customer and refunds, and send them through `stream-seg intake`.",
    )


def _is_other(raw: Json) -> bool:
    graphql_id = str(raw.get("admin_graphql_api_id", ""))
    cart = "cart_token" in raw or ("line_items" in raw and "token" in raw)
    return graphql_id.startswith("gid://shopify/") or cart or isinstance(raw.get("order_edit"), dict)


def _refuse_other(_topic: str, _raw: Json, _ids: Placeholders) -> Json:
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        "The record is a Shopify webhook that is not supported. Subscribe to orders/create, orders/updated and "
        "orders/cancelled. Write other events as native ones.",
    )


ORDER: Final = Format("Shopify order", _is_order, _native, _events)
REFUND: Final = Format("Shopify refund", _is_refund, _refuse_refund)
OTHER: Final = Format("Shopify webhook", _is_other, _refuse_other)
