"""Identities that tell sources apart: a hash of the content and of the options that change its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from xxhash import xxh3_128

_CHUNK_BYTES: Final = 1 << 20
# 64 bits, because each record carries this text and a deployment replays only some thousand sources in its life.
_CHARACTERS: Final = 16


def identity_of(name: str, options: object) -> str:
    """Return the identity of a generated source, from its name and everything that changes its events."""
    return xxh3_128(orjson.dumps([name, options])).hexdigest()[:_CHARACTERS]


def identity_of_file(path: Path, options: object) -> str:
    """Return the identity of a file, which is read in pieces. `options` are JSON. Raises OSError."""
    digest = xxh3_128(orjson.dumps(["file", options]))
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:_CHARACTERS]
