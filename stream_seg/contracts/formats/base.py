"""The shared parts of all formats: their description, and functions that extract values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from xxhash import xxh3_128_hexdigest

from stream_seg.contracts import reasons
from stream_seg.contracts.loose import Json, as_id, as_number
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

__all__ = ["Format", "Json", "Wrapper"]

_LONGEST_ID: Final = 128
# Maximum nesting of objects in traits, the same as in the parser of records.
_DEEPEST: Final = 200

# Foreign names of optional fields. Their values are used only if they are understood.
_TEXTS: Final = {
    "product_id": ("product_id", "item_id", "sku"),
    "category": ("category", "item_category"),
    "coupon": ("coupon",),
    "campaign_id": ("campaign_id",),
}
_NUMBERS: Final = {"discount": ("discount",), "value": ("value", "price"), "price": ("price",), "rating": ("rating",)}


class Format(NamedTuple):
    """A format of records.

    `name` is the name in dead letters. `matches` recognizes the format by its fields. `native` maps a record, read from
    a topic, to one native event that is not validated yet. It raises Refused, with the remedy, for a record that is not
    exactly one event. `events` maps a record to all native events in it, and is None for formats with only one.
    """

    name: str
    matches: Callable[[Json], bool]
    native: Callable[[str, Json, Placeholders], Json]
    events: Callable[[Json, Placeholders], list[Json]] | None = None


class Wrapper(NamedTuple):
    """An envelope around an event of any format.

    `matches` recognizes the envelope by its fields. `inner` extracts the event. If that is in no known format,
    `completed` makes a native event of the envelope and it.
    """

    matches: Callable[[Json], bool]
    inner: Callable[[Json], Json]
    completed: Callable[[Json, Json], Json]


def first(raw: Mapping[str, Any], *names: str) -> Any:
    """Return the first value that is neither absent nor null, or None."""
    for name in names:
        value = raw.get(name)
        if value is not None:
            return value
    return None


def object_in(raw: Mapping[str, Any], *names: str) -> Json:
    """Return the first value if it is an object, or an empty object."""
    value = first(raw, *names)
    return value if isinstance(value, dict) else {}


def objects_in(raw: Mapping[str, Any], name: str) -> list[Json]:
    """Return the objects of a list, or an empty list if the value is not a list."""
    value = raw.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def order_details(details: Json, amounts: Iterable[str]) -> Json:
    """Return the fields of an order, except its id, from the free properties of an envelope.

    `amounts` are names of the amount. The first one with a value counts.
    """
    # Empty text is not an amount, so the next name counts.
    amount = next((details[name] for name in amounts if details.get(name) not in (None, "")), None)
    products = first(details, "products", "items")
    items = items_of(products)
    understood = items is not None and (not isinstance(items, list) or len(items) == len(products))
    return {
        "amount": amount,
        "currency": details.get("currency"),
        # Without an amount, items that are not understood must not be read as no items. Validation refuses them.
        "items": items if understood or amount is not None else products,
        **fitting(details, "discount", "coupon"),
    }


def interaction_details(details: Json) -> Json:
    """Return the fields of an interaction from the free properties of an envelope.

    If there are several products, the first one counts.
    """
    items = items_of(first(details, "products", "items"))
    product = items[0] if isinstance(items, list) and items else {}
    answer = {name: details[name] for name in ("question", "answer") if name in details}
    return product | fitting(details, "product_id", "category", "campaign_id", "value", "rating") | answer


def items_of(products: Any) -> Any:
    """Return the lines of an order or their number, or None if `products` is neither."""
    if isinstance(products, list):
        return [_item(product) for product in products if isinstance(product, dict)]
    return products if isinstance(products, int) and not isinstance(products, bool) else None


def _item(product: Json) -> Json:
    item = fitting(product, "product_id", "category", "price")
    # A quantity that is not understood must not be read as one piece. Validation refuses it.
    if product.get("quantity") is not None:
        item["quantity"] = product["quantity"]
    return item


def fitting(raw: Json, *fields: str) -> Json:
    """Return those of `fields` that are present and understood."""
    found: Json = {}
    for field in fields:
        names = _TEXTS.get(field)
        if names is None:
            value = as_number(first(raw, *_NUMBERS[field]))
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[field] = value
        else:
            value = as_id(first(raw, *names))
            if isinstance(value, str):
                found[field] = value
    return found


def named(field: str, name: object) -> str:
    """Return the event name in a field. Raises Refused if it is empty or not text."""
    if not isinstance(name, str):
        raise Refused(reasons.WRONG_TYPE, f"{field} must be a string (it is {quoted(name)}).")
    if not name:
        raise Refused(reasons.EMPTY_ID, f"{field} is empty.")
    return name


def hashed(*parts: object) -> str:
    """Return an event id that is a hash of the identifying parts of an event."""
    return "hash-" + xxh3_128_hexdigest("\x1f".join(map(str, parts)).encode(errors="backslashreplace"))


def derived_id(*parts: object) -> str:
    """Return a readable event id made of the parts, or their hash if it would be too long."""
    name = "/".join(map(str, parts))
    return name if len(name) <= _LONGEST_ID else hashed(*parts)


def required_id(raw: Json, what: str) -> Any:
    """Return the id of an object, from which event ids are derived. Raises Refused if it has none."""
    value = raw.get("id")
    if value is None:
        raise Refused(reasons.MISSING_FIELD, f"id of {what} is missing.")
    return value


def flattened(traits: Json, prefix: str = "", depth: int = 0) -> Json:
    """Return traits with nested objects flattened to names such as `address.city`. Lists are omitted."""
    if depth > _DEEPEST:
        raise Refused(reasons.TOO_DEEP, "traits nest objects too deeply. Flatten them.")
    flat: Json = {}
    for name, value in traits.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.", depth + 1)
        elif not isinstance(value, list):
            flat[prefix + name] = value
    return flat
