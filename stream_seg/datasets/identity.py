"""What tells one source from another: a hash of its content, and of the options that change what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from xxhash import xxh3_128

_CHUNK_BYTES: Final = 1 << 20
# 64 bits: a record carries this text, and a deployment replays some thousand sources in its life.
_CHARACTERS: Final = 16


def identity_of(name: str, options: object) -> str:
    """The identity of a generated source, by its name and everything that changes its events."""
    return xxh3_128(orjson.dumps([name, options])).hexdigest()[:_CHARACTERS]


def identity_of_file(path: Path, options: object) -> str:
    """The identity of a file; it is read in pieces. `options` as JSON. Raises OSError."""
    digest = xxh3_128(orjson.dumps(["file", options]))
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:_CHARACTERS]
