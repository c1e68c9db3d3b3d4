"""Reads mapping files, and reports errors in one line with file, table, key, and the nearest known name."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stream_seg.contracts.aliases import NATIVE_NAMES, native_name
from stream_seg.contracts.event_fields import PROFILE_TYPES, fields_of, needed_fields, topic_of_type
from stream_seg.core.events.taxonomy import INTERACTIONS, PURCHASES
from stream_seg.errors import MappingError

from .event_mapping import EventMapping
from .model import Condition, EventTable, FileOptions, Items, MappingFile, Numbers, Source, Times
from .plan import Plan
from .suggest import suggested

_OUR_TYPES: Final = (*PURCHASES, *INTERACTIONS, *PROFILE_TYPES)
# A custom event type that is more similar to a native one than this is probably a typo.
_TYPO: Final = 0.85
# Fields of events that have their own key outside of `fields`.
_OUTSIDE: Final = {"type": 'type = "order_completed"', "traits": "[event.traits]"}
_TABLES: Final[dict[str, type[BaseModel]]] = {
    "file": FileOptions,
    "numbers": Numbers,
    "times": Times,
    "event": EventTable,
    "when": Condition,
    "items": Items,
}


def parse_mapping(text: str, name: str) -> EventMapping:
    """Return the mapping in a TOML text. `name` is the name of the file in errors. Raises MappingError."""
    try:
        tables = MappingFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{name} is not TOML: {error}") from None
    except ValidationError as error:
        raise MappingError(f"{name}, {_fault(error.errors(include_url=False)[0])}") from None
    plans = []
    for number, table in enumerate(tables.event, 1):
        try:
            _check(table)
            plans.append(Plan(table, tables.numbers, tables.times))
        except ValueError as error:
            raise MappingError(f"{name}, [[event]] {number}, {error}") from None
    return EventMapping(name, tables, plans)


def _check(table: EventTable) -> None:
    """Raise ValueError if no row could become an event."""
    kind = table.constant_type
    if kind is not None:
        _check_type(kind)
    topic = table.topic or (None if kind is None else topic_of_type(kind))
    topics = ("purchases", "interactions", "profiles") if topic is None else (topic,)
    known = {name for each in topics for name in fields_of(each)}
    for name in table.fields:
        if name in _OUTSIDE:
            raise ValueError(f"fields.{name}: write {_OUTSIDE[name]} outside of fields")
        if name not in known:
            raise ValueError(f"fields.{name}: {topic or 'events'} have no such field{suggested(name, known)}")
    needed = needed_fields(topic or "interactions", None if kind is None else native_name(kind))
    if missing := [name for name in needed if name not in table.fields]:
        raise ValueError(
            f"fields: {' and '.join(missing)} must be present, because {kind or 'an event'} needs {', '.join(needed)}"
        )
    if kind == "identify" and not table.traits:
        raise ValueError('traits: identify needs at least one, such as age = "Age"')


def _check_type(kind: str) -> None:
    """Raise ValueError for a type that is almost a native one. Other types are interactions that count as `other`."""
    if native_name(kind) not in NATIVE_NAMES and kind not in PROFILE_TYPES:
        hint = suggested(kind, _OUR_TYPES, cutoff=_TYPO)
        if hint:
            raise ValueError(f"type: {kind!r} is not a type of event{hint}")


def _fault(error: ErrorDetails) -> str:
    """Return table, key and message of an error."""
    table, *path = error["loc"]
    steps = [str(step + 1) if isinstance(step, int) else step for step in path]
    place = f"[{table}]"
    if table == "event" and steps:
        place = f"[[event]] {steps.pop(0)}"
    key = ".".join(steps)
    at = f"{place}, {key}" if key else place
    if error["type"] == "extra_forbidden":
        hint = suggested(str(error["loc"][-1]), _siblings(path, table))
        return f"{at}: there is no such {'key' if key else 'table'}{hint}"
    if error["type"] == "missing":
        return f"{at}: is missing"
    if error["type"] in ("model_type", "dict_type"):
        return f"{at}: must be a table or a name, not {error['input']!r}"
    message = str(error["msg"]).removeprefix("Value error, ")
    actual = "" if error["type"] == "value_error" else f" (it is {error['input']!r})"
    return f"{at}: {message[:1].lower()}{message[1:]}{actual}"


def _siblings(path: list[Any], table: Any) -> set[str]:
    """Return the known keys of the table that contains the unknown key."""
    if not path:
        return set(MappingFile.model_fields)
    inner = [step for step in (table, *path[:-1]) if isinstance(step, str)]
    model = _TABLES.get(inner[-1], Source)
    return {field.alias or name for name, field in model.model_fields.items()}
