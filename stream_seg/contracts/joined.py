"""Many JSON records validated in one pass: joined to one array, with every fault found at its own record."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, CoreSchema, SchemaValidator, core_schema, from_json

from .reasons import NOT_JSON, NOT_UTF8, TOO_DEEP, Refused

# So many broken records of one batch are found by the line that the parser names; then halving is cheaper.
_HINTS: Final = 4


class Invalid:
    """A JSON value that is no event of the topic."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Misaligned(Exception):
    """The array holds another number of values than records; `at` is about where it shows."""

    def __init__(self, at: int) -> None:
        self.at = at


class JoinedReader:
    """Reads records as events of the given typed dictionary.

    Records are joined with a mark between them: `[r0,null,\\nr1,null,\\nr2]`. Where every second value of the parsed
    array is the mark, and the count fits, no record has held several values, or a half of one that a later
    record completes: no string reaches over a newline, and no object over a mark; only an array could. So records
    with an array somewhere get a mark that no producer knows, the number `nonce`. It changes no result, and costs
    a tenth more than null.
    """

    def __init__(self, event: Any, nonce: int | None = None) -> None:
        nonce = secrets.randbits(48) if nonce is None else nonce
        self._marks: Final = ((None, b",null,\n"), (nonce, b",%d,\n" % nonce))
        choices: list[CoreSchema | tuple[CoreSchema, str]] = [
            TypeAdapter(event).core_schema,
            core_schema.literal_schema([nonce]),
            core_schema.no_info_after_validator_function(Invalid, core_schema.any_schema()),
        ]
        element = core_schema.nullable_schema(core_schema.union_schema(choices, mode="left_to_right"))
        # Ids are never the same twice: looking each up in a cache of strings costs a quarter of the whole pass.
        config = CoreConfig(cache_strings="keys")
        self._validate = SchemaValidator(core_schema.list_schema(element), config).validate_json

    def read(self, records: Sequence[bytes], hints: int = _HINTS) -> list[Any]:
        """For each record its event (a dict), `Invalid` (JSON, but no event) or `Refused` (not one JSON value).

        A broken record costs about one more pass; many of them at most as many passes as halving takes.
        """
        if not records:
            return []
        try:
            return self._together(records)
        except ValidationError as error:
            if len(records) == 1:
                return [_broken(records[0], error)]
            suspects = _suspects(records, _message(error))
        except _Misaligned as error:
            if len(records) == 1:
                return [_not_one(records[0])]
            suspects = (min(error.at, len(records) - 1),)
        for at in suspects if hints else ():
            found = self.read(records[at : at + 1])
            if isinstance(found[0], Refused):
                return [*self.read(records[:at], hints - 1), *found, *self.read(records[at + 1 :], hints - 1)]
        middle = len(records) // 2
        return self.read(records[:middle], 0) + self.read(records[middle:], 0)

    def _together(self, records: Sequence[bytes]) -> list[Any]:
        parts = list(records)
        parts[0] = b"[" + parts[0]
        parts[-1] += b"]"
        (mark, separator), careful = self._marks
        array = separator.join(parts)
        if array.count(b"[") > 1:
            mark, separator = careful
            array = separator.join(parts)
        found = self._validate(array)
        marks = found[1::2]
        if len(found) != 2 * len(records) - 1 or marks.count(mark) != len(marks):
            raise _Misaligned(next((at for at, value in enumerate(marks) if value != mark), len(marks)))
        events: list[Any] = found[::2]
        return events


def _suspects(records: Sequence[bytes], message: str) -> tuple[int, ...]:
    """Where to look first: the record at the line that the parser names, and the one before."""
    named = re.search(r"at line (\d+)", message)
    line, end = int(named[1]) if named else 0, 0
    for at, record in enumerate(records):
        end += record.count(b"\n") + 1
        if line <= end:
            return (at, at - 1) if at else (at,)
    return (len(records) - 1,)


def _not_one(record: bytes) -> Refused:
    if record.strip():
        return Refused(NOT_JSON, "The record holds several JSON values; send one event a record.")
    return Refused(NOT_JSON, "The value is empty; send one event a record.")


def _broken(record: bytes, error: ValidationError) -> Refused:
    """Why a record alone is not JSON."""
    try:
        record.decode()
    except UnicodeDecodeError as fault:
        return Refused(NOT_UTF8, f"Byte {fault.start} of the value is not UTF-8{_registry(record)}.")
    message = _message(error)
    if "recursion limit" in message:
        return Refused(TOO_DEEP, "The value nests arrays and objects too deeply; flatten it.")
    try:
        from_json(record)
    except ValueError as fault:
        message = str(fault)
    return Refused(NOT_JSON, f"The value is not JSON: {message}{_registry(record)}.")


def _registry(record: bytes) -> str:
    return "; it begins like Avro or a schema registry's format, send plain JSON" if record[:1] == b"\0" else ""


def _message(error: ValidationError) -> str:
    return str(error.errors(include_url=False, include_input=False)[0]["ctx"]["error"])
