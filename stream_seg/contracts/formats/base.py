"""What all formats share: how a format is described, and how values are taken out of it."""

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
# Objects within objects in traits. The parser of records goes as far.
_DEEPEST: Final = 200

# Where others keep what an event can do without: taken only where it is understood.
_TEXTS: Final = {
    "product_id": ("product_id", "item_id", "sku"),
    "category": ("category", "item_category"),
    "coupon": ("coupon",),
}
_NUMBERS: Final = {"discount": ("discount",), "value": ("value", "price"), "price": ("price",), "rating": ("rating",)}


class Format(NamedTuple):
    """A format of records.

    `name` is what dead letters call it. `matches` tells it by its fields. `native` maps a record, read from a topic, to
    one native event that is not validated yet; it raises Refused, with what to do, for a record that is not exactly one
    event. `events` maps a record to all the native events that it stands for; without it there is only that one.
    """

    name: str
    matches: Callable[[Json], bool]
    native: Callable[[str, Json, Placeholders], Json]
    events: Callable[[Json, Placeholders], list[Json]] | None = None


class Wrapper(NamedTuple):
    """An envelope around an event of any format.

    `matches` tells it by its fields, `inner` takes the event out. `completed` maps the envelope and an event that is in
    no known format to a native event.
    """

    matches: Callable[[Json], bool]
    inner: Callable[[Json], Json]
    completed: Callable[[Json, Json], Json]


def first(raw: Mapping[str, Any], *names: str) -> Any:
    """Return the first value that is neither absent nor null."""
    for name in names:
        value = raw.get(name)
        if value is not None:
            return value
    return None


def object_in(raw: Mapping[str, Any], *names: str) -> Json:
    """Return the first value as an object; an empty one where it is none."""
    value = first(raw, *names)
    return value if isinstance(value, dict) else {}


def objects_in(raw: Mapping[str, Any], name: str) -> list[Json]:
    """Return the objects of a list; none where it is no list."""
    value = raw.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def order_details(details: Json, amounts: Iterable[str]) -> Json:
    """Return what an order says beside its id in the free properties of an envelope.

    `amounts` are names of the amount; the first that has a value counts.
    """
    # Empty text is no amount, so that the next name counts.
    amount = next((details[name] for name in amounts if details.get(name) not in (None, "")), None)
    products = first(details, "products", "items")
    items = items_of(products)
    understood = items is not None and (not isinstance(items, list) or len(items) == len(products))
    return {
        "amount": amount,
        "currency": details.get("currency"),
        # Where no amount is said, items that are not understood must not be taken for none. Validation refuses them.
        "items": items if understood or amount is not None else products,
        **fitting(details, "discount", "coupon"),
    }


def interaction_details(details: Json) -> Json:
    """Return what an interaction says there: the product itself, or the first of several."""
    items = items_of(first(details, "products", "items"))
    product = items[0] if isinstance(items, list) and items else {}
    answer = {name: details[name] for name in ("question", "answer") if name in details}
    return product | fitting(details, "product_id", "category", "value", "rating") | answer


def items_of(products: Any) -> Any:
    """Return the lines of an order, or their number; anything else is no statement about items."""
    if isinstance(products, list):
        return [_item(product) for product in products if isinstance(product, dict)]
    return products if isinstance(products, int) and not isinstance(products, bool) else None


def _item(product: Json) -> Json:
    item = fitting(product, "product_id", "category", "price")
    # A quantity that is not understood must not be taken for one piece. Validation refuses it.
    if product.get("quantity") is not None:
        item["quantity"] = product["quantity"]
    return item


def fitting(raw: Json, *fields: str) -> Json:
    """Return those of `fields` that are there and understood."""
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
    """Return the text of a field that says what happened; raises Refused where it is no text, or empty."""
    if not isinstance(name, str):
        raise Refused(reasons.WRONG_TYPE, f"{field} must be a string (it is {quoted(name)}).")
    if not name:
        raise Refused(reasons.EMPTY_ID, f"{field} is empty.")
    return name


def hashed(*parts: object) -> str:
    """Return an event id made of what identifies an event."""
    return "hash-" + xxh3_128_hexdigest("\x1f".join(map(str, parts)).encode(errors="backslashreplace"))


def derived_id(*parts: object) -> str:
    """Return a readable event id made of the parts, or their hash where it would be too long."""
    name = "/".join(map(str, parts))
    return name if len(name) <= _LONGEST_ID else hashed(*parts)


def required_id(raw: Json, what: str) -> Any:
    """Return the id of an object, from which ids of events are made; raises Refused where it has none."""
    value = raw.get("id")
    if value is None:
        raise Refused(reasons.MISSING_FIELD, f"id of {what} is missing.")
    return value


def flattened(traits: Json, prefix: str = "", depth: int = 0) -> Json:
    """Return traits with those of nested objects beside them, as `address.city`; lists are left out."""
    if depth > _DEEPEST:
        raise Refused(reasons.TOO_DEEP, "traits nest objects too deeply; flatten them.")
    flat: Json = {}
    for name, value in traits.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.", depth + 1)
        elif not isinstance(value, list):
            flat[prefix + name] = value
    return flat
