"""JSON records read as events of one topic: the frequent form in one strict pass, the rest by the precise path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaValidator, from_json

from .events import FREQUENT
from .explain import explain
from .reasons import NOT_JSON, NOT_UTF8, TOO_DEEP, Refused


class EventReader:
    """Reads records of an input topic, each by itself: nothing that stands in one can reach another."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        # Ids are never the same twice: looking each up in a cache of strings costs a quarter of the whole pass.
        config = CoreConfig(cache_strings="keys")
        self._validate = SchemaValidator(TypeAdapter(FREQUENT[topic]).core_schema, config).validate_json

    def read(self, records: Sequence[bytes]) -> tuple[list[Any], dict[int, Refused]]:
        """Events in place of their records, and those that are none (None in the list), by position."""
        events: list[Any] = []
        refused: dict[int, Refused] = {}
        validate, append = self._validate, events.append
        for record in records:
            try:
                append(validate(record))
            except ValidationError as error:
                found = self._precisely(record, error)
                if isinstance(found, Refused):
                    refused[len(events)] = found
                    append(None)
                else:
                    append(found)
        return events, refused

    def _precisely(self, record: bytes, error: ValidationError) -> dict[str, Any] | Refused:
        """An event in another form, or why there is none."""
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "json_invalid":
            return _broken(record, error)
        try:
            return explain(self._topic, from_json(record))
        except Refused as why:
            # Not the one that was raised: it holds the frames it came through, and with them the batch, in a cycle.
            return Refused(why.reason, why.detail)


def _broken(record: bytes, error: ValidationError) -> Refused:
    """Why a record is not one JSON value."""
    try:
        record.decode()
    except UnicodeDecodeError as fault:
        return Refused(NOT_UTF8, f"Byte {fault.start} of the value is not UTF-8{_registry(record)}.")
    if not record.strip():
        return Refused(NOT_JSON, "The value is empty; send one event a record.")
    message = error.errors(include_url=False)[0]["msg"].removeprefix("Invalid JSON: ")
    if "recursion limit" in message:
        return Refused(TOO_DEEP, "The value nests arrays and objects too deeply; flatten it.")
    if "trailing characters" in message:
        return Refused(NOT_JSON, "The record holds several JSON values; send one event a record.")
    return Refused(NOT_JSON, f"The value is not JSON: {message}{_registry(record)}.")


def _registry(record: bytes) -> str:
    return "; it begins like Avro or a schema registry's format, send plain JSON" if record[:1] == b"\0" else ""
