"""Ids for events whose source has none, made of what the event says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest


def content_of(topic: str, event: Mapping[str, Any]) -> bytes:
    """The content of an event that ids are made of: the same for any order of its fields.

    Raises TypeError where the event holds what JSON cannot.
    """
    return orjson.dumps([topic, event], option=orjson.OPT_SORT_KEYS)


def content_id(content: bytes, ordinal: int = 0) -> str:
    """An id of 24 characters. `ordinal` tells apart events of equal content: how many came before this one."""
    return xxh3_128_hexdigest(content if ordinal == 0 else b"%b%d" % (content, ordinal))[:24]


def fingerprint(content: bytes) -> int:
    """64 bits by which equal contents are found."""
    return xxh3_64_intdigest(content)
