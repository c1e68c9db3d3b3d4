"""Headers that serializers of schema registries put before a value."""

from __future__ import annotations

from typing import Final

# Confluent: a zero and four bytes of schema id. Apicurio: a zero and eight bytes.
_MAGIC: Final = b"\0"
_HEADERS: Final = (5, 9)
# AWS Glue: version 3, compression (0: none, 5: zlib), and the sixteen bytes of a UUID.
_GLUE: Final = 3
_GLUE_HEADER: Final = 18
# First bytes of a JSON object. Binary values hardly ever begin with them.
_OBJECTS: Final = (b'{"', b"{ ", b"{\n", b"{\r", b"{\t", b"{}")


def unframed(record: bytes) -> bytes | None:
    """Return the JSON object behind a schema registry's header.

    The object is not parsed, so it may be truncated. Returns None for a record without a header or without an object
    behind it.
    """
    for length in _lengths(record):
        if record.startswith(_OBJECTS, length):
            return record[length:]
    return None


def framing(record: bytes) -> str | None:
    """Return a description of the header that a record begins with, for error messages. None if it has no header."""
    lengths = _lengths(record)
    if not lengths or len(record) <= lengths[0]:
        return None
    if record[:1] == _MAGIC:
        return f"a schema registry's header (schema {int.from_bytes(record[1:5])})"
    return "a header of AWS Glue's schema registry"


def _lengths(record: bytes) -> tuple[int, ...]:
    if record[:1] == _MAGIC:
        return _HEADERS
    return (_GLUE_HEADER,) if record[:1] == bytes([_GLUE]) and record[1:2] in (b"\0", b"\5") else ()
