"""Alias tables: the Segment envelope and GA4's e-commerce events, turned into native events."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from xxhash import xxh3_128_hexdigest

from stream_seg.core.vocabulary import INTERACTIONS, PURCHASES

from .reasons import EMPTY_ID, MISSING_FIELD, UNKNOWN_TYPE, WRONG_TYPE, Refused, quoted

Json = dict[str, Any]

# Names that are longer are nobody's names, and would only fill the cache.
_LONGEST_NAME: Final = 128

NATIVE_NAMES: Final = frozenset(PURCHASES + INTERACTIONS)

# Names that others have for what we have a name for, in lower case with underscores. Segment's other names are
# ours once written so ("Product Viewed").
_NAMES: Final = {
    # GA4
    "purchase": "order_completed",
    "refund": "order_refunded",
    "view_item": "product_viewed",
    "select_item": "product_clicked",
    "search": "products_searched",
    "view_search_results": "products_searched",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "view_cart": "cart_viewed",
    "begin_checkout": "checkout_started",
    "add_to_wishlist": "wishlist_added",
    "page_view": "page_viewed",
    "screen_view": "page_viewed",
    "view_item_list": "page_viewed",
    # Segment
    "order_canceled": "order_cancelled",
    "product_list_viewed": "page_viewed",
    "product_added_to_wishlist": "wishlist_added",
    "wishlist_product_added_to_cart": "product_added",
    "coupon_applied": "coupon_redeemed",
    "email_delivered": "campaign_received",
    "push_notification_received": "campaign_received",
    "email_link_clicked": "email_clicked",
    "product_reviewed": "review_posted",
}

# Where an envelope keeps what a native event says; the first that is there counts.
_SEGMENT_DETAILS: Final = {
    "order_id": ("order_id", "orderId", "transaction_id"),
    "amount": ("revenue", "total", "value", "amount"),
    "currency": ("currency",),
}
_GA4_DETAILS: Final = {
    "order_id": ("transaction_id", "order_id"),
    "amount": ("purchase_revenue", "refund_value", "value", "amount"),
    "currency": ("currency",),
}

# The same for what an event can do without: taken only where it has the type that the contract says.
_EXTRAS: Final[dict[str, tuple[type | tuple[type, ...], tuple[str, ...]]]] = {
    "discount": ((int, float), ("discount",)),
    "coupon": (str, ("coupon",)),
    "product_id": (str, ("product_id", "item_id", "sku")),
    "category": (str, ("category", "item_category")),
    "value": ((int, float), ("value", "price")),
}
_ITEM: Final[dict[str, tuple[type | tuple[type, ...], tuple[str, ...]]]] = {
    "product_id": (str, ("product_id", "item_id", "sku")),
    "category": (str, ("category", "item_category")),
    "quantity": ((int, float), ("quantity",)),
    "price": ((int, float), ("price",)),
}

_SEGMENT_MARKS: Final = frozenset(("messageId", "userId", "anonymousId"))
_GA4_MARKS: Final = frozenset(("event_name", "event_timestamp", "timestamp_micros", "user_pseudo_id"))
_NAMES_IN_ENVELOPES: Final = ("event", "event_name")
_TIMES_IN_ENVELOPES: Final = ("timestamp", "originalTimestamp", "event_timestamp", "timestamp_micros")
_CHANNELS: Final = {"browser": "web", "web": "web", "mobile": "app", "android": "app", "ios": "app"}
_ROW_VALUES: Final = ("string_value", "int_value", "float_value", "double_value")


def native_name(name: str) -> str:
    """Our name for an event that others call `name`; the name itself where we have none."""
    return _known_name(name) if len(name) <= _LONGEST_NAME else name


@lru_cache(maxsize=4096)
def _known_name(name: str) -> str:
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    known = _NAMES.get(plain, plain)
    return known if known in NATIVE_NAMES else name


def to_native(topic: str, raw: Json) -> Json:
    """The native form of an event that may have come in another's clothes; `raw` itself where it has not.

    The result is not validated. Raises Refused where an envelope lacks what makes it an event.
    """
    if not _is_native(raw):
        if not _SEGMENT_MARKS.isdisjoint(raw):
            return _from_segment(topic, raw)
        if not _GA4_MARKS.isdisjoint(raw):
            return _from_ga4(topic, raw)
    kind = raw.get("type")
    if topic == "profiles" or not isinstance(kind, str) or native_name(kind) == kind:
        return raw
    details = {**raw, **_object(raw, "properties", "params")}
    return {**_details(topic, details, _GA4_DETAILS), **raw, "type": native_name(kind)}


def _is_native(raw: Json) -> bool:
    """Whether an event has our ids, and no envelope's name, nor its time in place of ours."""
    if raw.get("event_id") is None or raw.get("customer_id") is None:
        return False
    timed = raw.get("occurred_at") is not None
    return _first(raw, *_NAMES_IN_ENVELOPES, *(() if timed else _TIMES_IN_ENVELOPES)) is None


def _from_segment(topic: str, raw: Json) -> Json:
    kind, name = raw.get("type") or "track", raw.get("event")
    details, channel = _object(raw, "properties"), raw.get("channel")
    event = {
        "event_id": _first(raw, "event_id", "messageId"),
        "customer_id": _customer(raw, "userId", "anonymousId"),
        "occurred_at": _first(raw, "occurred_at", "timestamp", "originalTimestamp"),
        "channel": _CHANNELS.get(channel, channel) if isinstance(channel, str) else channel,
        "properties": details,
    }
    if kind == "identify":
        event |= {"type": "identify", "traits": _traits(raw.get("traits"))}
    elif kind in ("page", "screen"):
        event |= {"type": "page_viewed"}
    elif kind in ("alias", "group"):
        event |= {"type": kind}
    elif name is not None:
        event |= {"type": _named("event", name), **_details(topic, details, _SEGMENT_DETAILS)}
    elif kind == "track":
        raise Refused(MISSING_FIELD, "event is missing: a track envelope names what happened.")
    else:
        event |= {"type": kind, **_details(topic, {**raw, **details}, _SEGMENT_DETAILS)}
    if topic == "interactions" and event["type"] in ("identify", "alias", "group"):
        raise Refused(UNKNOWN_TYPE, f"{quoted(kind)} is no interaction; send it to the topic profiles.")
    return _identified(event, name or kind)


def _from_ga4(topic: str, raw: Json) -> Json:
    name = _first(raw, "event_name", "type")
    if name is None:
        raise Refused(MISSING_FIELD, "event_name is missing: a GA4 event names what happened.")
    said = _first(raw, "params", "properties")
    details = _object(raw, "ecommerce") | (said if isinstance(said, dict) else _row_params(raw.get("event_params")))
    event = {
        "event_id": raw.get("event_id"),
        "customer_id": _customer(raw, "user_id", "user_pseudo_id"),
        "occurred_at": _ga4_time(raw),
        "channel": _CHANNELS.get(str(raw.get("platform")).lower()),
        "properties": details,
        "type": _named("event_name", name),
        **_details(topic, {**raw, **details}, _GA4_DETAILS),
    }
    return _identified(event, name)


def _named(field: str, name: object) -> str:
    """Our name for what an envelope's field says happened."""
    if not isinstance(name, str):
        raise Refused(WRONG_TYPE, f"{field} must be a string (it is {quoted(name)}).")
    if not name:
        raise Refused(EMPTY_ID, f"{field} is empty.")
    return native_name(name)


def _row_params(pairs: object) -> Json:
    """Parameters as a row of GA4's export has them, a list of keys and typed values, as an object."""
    found = [pair for pair in pairs if isinstance(pair, dict)] if isinstance(pairs, list) else []
    return {str(pair.get("key")): _first(_object(pair, "value"), *_ROW_VALUES) for pair in found}


def _customer(raw: Json, known: str, unknown: str) -> Any:
    customer = _first(raw, "customer_id", known)
    if customer is None and raw.get(unknown) is not None:
        raise Refused(MISSING_FIELD, f"{known} is missing: {unknown} alone does not say who the customer is.")
    return customer


def _ga4_time(raw: Json) -> Any:
    micros = _first(raw, "event_timestamp", "timestamp_micros")
    if isinstance(micros, str) and micros.isascii() and micros.isdigit() and len(micros) < 20:
        micros = int(micros)
    if isinstance(micros, float) or (type(micros) is int and abs(micros) < 1 << 63):
        return micros / 1e6
    return _first(raw, "occurred_at", "timestamp") if micros is None else micros


def _details(topic: str, details: Json, table: Mapping[str, tuple[str, ...]]) -> Json:
    """What the topic's native events say, out of an envelope's free properties."""
    items = _items(_first(details, "products", "items"))
    if topic == "purchases":
        found = {field: _first(details, *names) for field, names in table.items()}
        found["items"] = items
        return found | _fitting(details, _EXTRAS, ("discount", "coupon"))
    first = items[0] if isinstance(items, list) and items else {}
    return first | _fitting(details, _EXTRAS, ("product_id", "category", "value"))


def _items(products: object) -> list[Json] | int | None:
    if isinstance(products, list):
        return [_fitting(product, _ITEM, _ITEM) for product in products if isinstance(product, dict)]
    return products if isinstance(products, int) and not isinstance(products, bool) else None


def _fitting(raw: Json, table: Mapping[str, Any], fields: Any) -> Json:
    found = {}
    for field in fields:
        kind, names = table[field]
        value = _first(raw, *names)
        if isinstance(value, kind) and not isinstance(value, bool):
            found[field] = value
    return found


def _identified(event: Json, name: object) -> Json:
    """The event with an id: an envelope without one gets a hash of user, name, time and order."""
    if event["event_id"] is None:
        parts = (event["customer_id"], name, event["occurred_at"], event.get("order_id"))
        event["event_id"] = "hash-" + xxh3_128_hexdigest("\x1f".join(map(str, parts)).encode())
    return event


def _traits(said: object) -> Json:
    if said is not None and not isinstance(said, dict):
        raise Refused(WRONG_TYPE, f"traits must be an object (it is {quoted(said)}).")
    return flattened(said or {})


def flattened(traits: Json, prefix: str = "") -> Json:
    """Traits with those of nested objects beside them, as `address.city`; lists are left out."""
    flat: Json = {}
    for name, value in traits.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            flat[prefix + name] = value
    return flat


def _object(raw: Json, *names: str) -> Json:
    value = _first(raw, *names)
    return value if isinstance(value, dict) else {}


def _first(raw: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        value = raw.get(name)
        if value is not None:
            return value
    return None
