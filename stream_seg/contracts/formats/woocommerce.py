"""WooCommerce's webhooks: orders with their refunds."""

from __future__ import annotations

from typing import Any, Final

from stream_seg.contracts import reasons
from stream_seg.contracts.loose import as_number
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

from .base import Format, Json, derived_id, first, fitting, object_in, objects_in, required_id

_PLACED: Final = ("processing", "completed", "on-hold", "refunded")


def _is_order(raw: Json) -> bool:
    return "line_items" in raw and "total" in raw and "status" in raw and ("billing" in raw or "order_key" in raw)


def _native(_topic: str, raw: Json, ids: Placeholders) -> Json:
    events = _events(raw, ids)
    if len(events) > 1:
        detail = (
            f"The record is a WooCommerce order with {len(events) - 1} refunds. Send it through `stream-seg intake`, "
            "which makes one event of each."
        )
        raise Refused(reasons.UNSUPPORTED_FORMAT, detail)
    return events[0]


def _events(raw: Json, ids: Placeholders) -> list[Json]:
    status, customer = raw.get("status"), raw.get("customer_id")
    if customer is None or customer in ids:
        detail = "This WooCommerce order was placed without an account (customer_id 0), so it belongs to no customer."
        raise Refused(reasons.PLACEHOLDER_ID, detail)
    about = {
        "customer_id": customer,
        "order_id": required_id(raw, "a WooCommerce order"),
        "currency": raw.get("currency"),
        "channel": "web",
        "context": _context(raw),
    }
    if status == "cancelled":
        event_id = derived_id("woocommerce", "cancelled", raw.get("id"))
        cancelled = {"event_id": event_id, "type": "order_cancelled", "occurred_at": _changed_at(raw)}
        return [{**about, **cancelled, "amount": raw.get("total"), "order_at": _placed_at(raw)}]
    if status not in _PLACED:
        detail = f"The record is a WooCommerce order that is not placed (its status is {quoted(status)}). Leave it out."
        raise Refused(reasons.UNSUPPORTED_FORMAT, detail)
    return [_completed(raw, about), *_refunds(raw, about)]


def _completed(raw: Json, about: Json) -> Json:
    coupons = objects_in(raw, "coupon_lines")
    return {
        **about,
        # An edited order is another event of the same order.
        "event_id": derived_id("woocommerce", "order", raw.get("id"), raw.get("date_modified_gmt")),
        "type": "order_completed",
        "occurred_at": _placed_at(raw),
        "updated_at": _changed_at(raw),
        "amount": raw.get("total"),
        "items": [_line(line) for line in objects_in(raw, "line_items")],
        "discount": as_number(raw.get("discount_total")),
        "coupon": coupons[0].get("code") if coupons else None,
    }


def _refunds(raw: Json, about: Json) -> list[Json]:
    """Return the refunds of an order. They have no time of their own, so they get that of its last change."""
    return [
        {
            **about,
            "event_id": derived_id("woocommerce", "refund", required_id(refund, "a WooCommerce refund")),
            "type": "order_refunded",
            "occurred_at": _changed_at(raw),
            # A refund without an amount would refund the rest of the order.
            "amount": "" if refund.get("total") is None else refund["total"],
            "refund_id": refund.get("id"),
            "order_at": _placed_at(raw),
        }
        for refund in objects_in(raw, "refunds")
    ]


def _placed_at(raw: Json) -> Any:
    return _utc(raw.get("date_created_gmt"))


def _changed_at(raw: Json) -> Any:
    return _utc(first(raw, "date_modified_gmt", "date_created_gmt"))


def _utc(time: Any) -> Any:
    """Return a WooCommerce time with the offset Z. These times are UTC, but lack an offset."""
    return f"{time}Z" if isinstance(time, str) and len(time) == len("2017-05-09T18:00:31") else time


def _line(line: Json) -> Json:
    return {**fitting(line, "product_id", "price"), "quantity": line.get("quantity")}


def _context(raw: Json) -> Json:
    bill = object_in(raw, "billing")
    return {"location": {"country": bill.get("country"), "region": bill.get("state"), "city": bill.get("city")}}


def _is_refund(raw: Json) -> bool:
    return "refunded_by" in raw and "reason" in raw


def _refuse_refund(_topic: str, _raw: Json, _ids: Placeholders) -> Json:
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        "The record is a WooCommerce refund, which names no customer. Subscribe to order.updated instead, whose orders "
        "hold customer and refunds, and send them through `stream-seg intake`.",
    )


ORDER: Final = Format("WooCommerce order", _is_order, _native, _events)
REFUND: Final = Format("WooCommerce refund", _is_refund, _refuse_refund)
