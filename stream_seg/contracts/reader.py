"""Reads JSON records as events of one topic: the frequent form in one strict pass, others by the precise path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaValidator, from_json

from . import placeholders
from .events import FREQUENT
from .explain import explain
from .framing import framing, unframed
from .placeholders import Placeholders
from .reasons import NOT_JSON, NOT_UTF8, TOO_DEEP, UNSUPPORTED_FORMAT, Refused

# Every native event has this field, so a record without it need not be tried as native.
_NATIVE_FIELD: Final = b'"event_id"'


class Read(NamedTuple):
    """The events of a batch by position, None for a refused record.

    `refused` holds the reasons by position. `precise` are the positions of events that took the precise path.
    """

    events: list[Any]
    refused: dict[int, Refused]
    precise: list[int]


class EventReader:
    """A reader for records of one input topic. Each record is read on its own, so none can affect another."""

    def __init__(self, topic: str, ids: Placeholders = placeholders.DEFAULT) -> None:
        self._topic = topic
        self._ids = ids
        # Ids hardly ever repeat. Looking up each one in a cache of strings would take a quarter of the pass.
        config = CoreConfig(cache_strings="keys")
        self._validate = SchemaValidator(TypeAdapter(FREQUENT[topic]).core_schema, config).validate_json

    def read(self, records: Sequence[bytes]) -> Read:
        """Read each record. Never raises because of a record's content."""
        events: list[Any] = []
        refused: dict[int, Refused] = {}
        precise: list[int] = []
        validate, append = self._validate, events.append
        foreign = False
        for record in records:
            # Another form is likely to follow another form. Strict validation would take ten times as long to find out.
            if not (foreign and _NATIVE_FIELD not in record):
                try:
                    append(validate(record))
                    foreign = False
                    continue
                except ValidationError:
                    pass
            foreign = True
            found = self._precisely(record)
            if isinstance(found, Refused):
                refused[len(events)] = found
                append(None)
            else:
                precise.append(len(events))
                append(found)
        return Read(events, refused, precise)

    def _precisely(self, record: bytes) -> dict[str, Any] | Refused:
        """Return the event in a record of another form, or the reason why there is none."""
        try:
            value = from_json(record, cache_strings="keys")
        except ValueError as error:
            return self._unframed(record, str(error))
        return self._explained(value)

    def _explained(self, value: Any) -> dict[str, Any] | Refused:
        try:
            return explain(self._topic, value, self._ids)
        except Refused as why:
            # Return a copy. The raised exception holds its frames, and with them the batch, in a reference cycle.
            return Refused(why.reason, why.detail)

    def _unframed(self, record: bytes, fault: str) -> dict[str, Any] | Refused:
        """Return the event behind a schema registry's header, or the reason why there is none."""
        value = unframed(record)
        if value is not None:
            return self._behind_header(value)
        header = framing(record)
        if header is None:
            return _broken(record, fault)
        detail = (
            f"The value begins with {header} and looks like Avro or Protobuf. Send JSON, plain or behind the header."
        )
        return Refused(UNSUPPORTED_FORMAT, detail)

    def _behind_header(self, value: bytes) -> dict[str, Any] | Refused:
        try:
            validated: dict[str, Any] = self._validate(value)
            return validated
        except ValidationError:
            pass
        try:
            return self._explained(from_json(value, cache_strings="keys"))
        except ValueError as error:
            return _broken(value, str(error))


def _broken(record: bytes, fault: str) -> Refused:
    """Return the reason why a record is not one JSON value."""
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return Refused(NOT_UTF8, f"Byte {error.start} of the value is not UTF-8.")
    if not record.strip():
        return Refused(NOT_JSON, "The value is empty. Send one event per record.")
    if "recursion limit" in fault:
        return Refused(TOO_DEEP, "The value nests arrays and objects too deeply. Flatten it.")
    if "trailing characters" in fault:
        return Refused(NOT_JSON, "The record holds several JSON values. Send one event per record.")
    return Refused(NOT_JSON, f"The value is not JSON: {fault}.")
