"""The fields of events by topic and the kind of value in each, derived from `events`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from stream_seg.core.events.taxonomy import PURCHASES

from .aliases import native_name
from .events import Alias, Cancellation, Consent, Erase, Identify, Interaction, Purchase

PROFILE_TYPES: Final = ("identify", "alias", "consent", "erase")

Kind = Literal["text", "number", "time", "items", "object"]

_FORMS: Final[dict[str, tuple[Any, ...]]] = {
    "purchases": (Purchase, Cancellation),
    "interactions": (Interaction,),
    "profiles": (Identify, Alias, Consent, Erase),
}

# The schema allows any JSON in these fields, because values that are not understood are ignored.
_OPEN: Final[dict[str, Kind]] = {"context": "object", "question": "text", "answer": "text"}


@cache
def fields_of(topic: str) -> Mapping[str, Kind]:
    """Return name and kind of every field that an event of a topic can have, including `type`."""
    found: dict[str, Kind] = {}
    for form in _FORMS[topic]:
        properties = TypeAdapter(form).json_schema()["properties"]
        found |= {name: _OPEN.get(name) or _kind(schema) for name, schema in properties.items()}
    return MappingProxyType(found)


@cache
def all_fields() -> Mapping[str, Kind]:
    """Return name and kind of every field that an event of any topic can have."""
    return MappingProxyType({name: kind for topic in _FORMS for name, kind in fields_of(topic).items()})


def topic_of_type(kind: str) -> str:
    """Return the input topic for events of a type. Types that are not native are interactions."""
    if kind.lower() in PROFILE_TYPES:
        return "profiles"
    return "purchases" if native_name(kind) in PURCHASES else "interactions"


def needed_fields(topic: str, kind: str | None) -> tuple[str, ...]:
    """Return the required fields of an event of a topic and type, except `event_id` and `type`."""
    if topic != "purchases":
        return ("customer_id", "occurred_at")
    amount = ("amount",) if kind is None or kind == PURCHASES[0] else ()
    return ("customer_id", "occurred_at", "order_id", *amount)


def _kind(schema: Mapping[str, Any]) -> Kind:
    forms = list(_forms(schema))
    types = [form["type"] for form in forms if form.get("type", "null") != "null"]
    if any(form.get("format") == "date-time" for form in forms):
        return "time"
    if "array" in types:
        return "items"
    if "object" in types:
        return "object"
    return "text" if types[0] == "string" else "number"


def _forms(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the branches of a schema, with nested unions flattened."""
    if "anyOf" in schema:
        return [form for branch in schema["anyOf"] for form in _forms(branch)]
    return [{"type": "string"}] if "const" in schema or "enum" in schema else [schema]
