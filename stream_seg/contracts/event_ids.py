"""Ids for events whose source has none, derived from the content of the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest


def content_of(topic: str, event: Mapping[str, Any]) -> bytes:
    """Return the content of an event from which its id is derived. The order of fields does not matter.

    Raises TypeError for a value that JSON cannot hold.
    """
    return orjson.dumps([topic, event], option=orjson.OPT_SORT_KEYS)


def content_id(content: bytes, ordinal: int = 0) -> str:
    """Return an id of 24 characters. `ordinal` is the number of earlier events with equal content."""
    return xxh3_128_hexdigest(content if ordinal == 0 else b"%b%d" % (content, ordinal))[:24]


def fingerprint(content: bytes) -> int:
    """Return a 64-bit hash for finding equal contents."""
    return xxh3_64_intdigest(content)
