"""JSON records read as events of one topic: the frequent form in one strict pass, the rest by the precise path."""

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

# Native events have this field. A record without it need not be tried as one.
_NATIVE_FIELD: Final = b'"event_id"'


class Read(NamedTuple):
    """Events in place of their records, None where there is none.

    `refused` says why there is none, by position; `precise` are the positions of events in other forms.
    """

    events: list[Any]
    refused: dict[int, Refused]
    precise: list[int]


class EventReader:
    """Reads records of an input topic, each by itself: nothing that stands in one can reach another."""

    def __init__(self, topic: str, ids: Placeholders = placeholders.DEFAULT) -> None:
        self._topic = topic
        self._ids = ids
        # Ids are never the same twice: looking each up in a cache of strings costs a quarter of the whole pass.
        config = CoreConfig(cache_strings="keys")
        self._validate = SchemaValidator(TypeAdapter(FREQUENT[topic]).core_schema, config).validate_json

    def read(self, records: Sequence[bytes]) -> Read:
        """Read each record; never raises for what one holds."""
        events: list[Any] = []
        refused: dict[int, Refused] = {}
        precise: list[int] = []
        validate, append = self._validate, events.append
        foreign = False
        for record in records:
            # After a record in another form one more is likely. Validation would take ten times as long to find out.
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
        """Read an event in another form, or find out why there is none."""
        try:
            value = from_json(record, cache_strings="keys")
        except ValueError as error:
            return self._unframed(record, str(error))
        return self._explained(value)

    def _explained(self, value: Any) -> dict[str, Any] | Refused:
        try:
            return explain(self._topic, value, self._ids)
        except Refused as why:
            # Not the one that was raised: it holds the frames it came through, and with them the batch, in a cycle.
            return Refused(why.reason, why.detail)

    def _unframed(self, record: bytes, fault: str) -> dict[str, Any] | Refused:
        """Read the event behind a schema registry's header, or find out why there is none."""
        value = unframed(record)
        if value is not None:
            return self._behind_header(value)
        header = framing(record)
        if header is None:
            return _broken(record, fault)
        detail = (
            f"The value begins with {header} and looks like Avro or Protobuf; send JSON, plain or behind the header."
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
    """Return why a record is not one JSON value."""
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return Refused(NOT_UTF8, f"Byte {error.start} of the value is not UTF-8.")
    if not record.strip():
        return Refused(NOT_JSON, "The value is empty; send one event a record.")
    if "recursion limit" in fault:
        return Refused(TOO_DEEP, "The value nests arrays and objects too deeply; flatten it.")
    if "trailing characters" in fault:
        return Refused(NOT_JSON, "The record holds several JSON values; send one event a record.")
    return Refused(NOT_JSON, f"The value is not JSON: {fault}.")
