"""Traits that events carry: profile traits, the location and device of an event, and survey answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from . import reasons
from .aliases import SURVEY_ANSWERED
from .loose import Json
from .reasons import Refused, quoted

MAX_TRAITS: Final = 64
MAX_TRAITS_BYTES: Final = 4096

# Traits that the context of an event can set, and their path in the context.
CONTEXT_TRAITS: Final[dict[str, tuple[str, ...]]] = {
    "geo.country": ("location", "country"),
    "geo.region": ("location", "region"),
    "geo.city": ("location", "city"),
    "device.type": ("device", "type"),
    "locale": ("locale",),
    "timezone": ("timezone",),
}
DEFAULT_CONTEXT_TRAITS: Final = ("geo.country", "geo.city", "device.type")

_UNKNOWN: Final = ("", "(not set)", "unknown", "null", "undefined")
_LONGEST_TEXT: Final = 256


def traits_of(event: Mapping[str, Any], chosen: Collection[str]) -> Json:
    """Return the traits that an event of any topic sets.

    The event's own traits take precedence over traits from its context. `chosen` are the names of `CONTEXT_TRAITS` to
    use. Raises Refused for an answer that is not a JSON scalar.
    """
    found: Json = dict(event.get("traits") or {})
    context = event.get("context")
    if isinstance(context, dict):
        for name in chosen:
            value = _at(context, CONTEXT_TRAITS[name])
            if _is_known(value):
                found.setdefault(name, value)
    if event["type"] == SURVEY_ANSWERED:
        found |= _answer(event)
    return found


def within_bounds(traits: Json) -> Json:
    """Return the traits of an event that are kept.

    Only the first 64 are considered, and each one that still fits into 4 KiB of JSON is kept.
    """
    if len(traits) <= MAX_TRAITS and _size(traits) <= MAX_TRAITS_BYTES:
        return traits
    kept: Json = {}
    used = _size({})
    for name in list(traits)[:MAX_TRAITS]:
        one = _size({name: traits[name]}) - _size({}) + bool(kept)  # plus a comma
        if used + one <= MAX_TRAITS_BYTES:
            kept[name] = traits[name]
            used += one
    return kept


def _at(context: Json, path: tuple[str, ...]) -> Any:
    value: Any = context
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_known(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.strip().lower() not in _UNKNOWN


def _answer(event: Mapping[str, Any]) -> Json:
    question, answer = event.get("question"), event.get("answer")
    if not isinstance(question, str) or not question or answer is None:
        return {}
    if len(question) > _LONGEST_TEXT:
        raise Refused(reasons.ID_TOO_LONG, f"question must have at most {_LONGEST_TEXT} characters.")
    if isinstance(answer, list | dict) or answer != answer or answer in (float("inf"), float("-inf")):
        raise Refused(reasons.WRONG_TYPE, f"answer must be a JSON scalar (it is {quoted(answer)}).")
    return {f"survey.{question}": answer}


def _size(traits: Json) -> int:
    """Return the size of traits as compact JSON, in bytes."""
    return len(json.dumps(traits, ensure_ascii=False, separators=(",", ":")).encode())
