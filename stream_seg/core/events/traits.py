"""Traits of a customer: per name, the value of the latest event, independent of the order of arrival."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from typing import Final

Scalar = str | int | float | bool | None

MAX_TRAITS: Final = 64


def merge(stored: bytes, new: Mapping[str, Scalar], t: float, event_id: str) -> bytes:
    """Return stored traits updated with the traits `new` of an event at `t` (epoch seconds).

    The later event wins, and of two events at one time the one with the greater event id. The result is JSON:
    ``{name: [value, epoch seconds, event id]}``. It keeps the `MAX_TRAITS` names that were set last.
    """
    traits = json.loads(stored) if stored else {}
    for name, value in new.items():
        known = traits.get(name)
        if known is None or (t, event_id) > (known[1], known[2]):
            traits[name] = [value, t, event_id]
    if len(traits) > MAX_TRAITS:
        latest = sorted(traits, key=lambda name: (*traits[name][1:], name))[-MAX_TRAITS:]
        traits = {name: traits[name] for name in latest}
    return json.dumps(traits, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def values(stored: bytes) -> dict[str, Scalar]:
    """Return the values of stored traits by name."""
    return {name: value for name, (value, _, _) in json.loads(stored).items()} if stored else {}


def are_valid(stored: bytes) -> bool:
    """Return whether the bytes are traits as `merge` writes them."""
    try:
        traits = json.loads(stored)
    except (ValueError, RecursionError):
        return False
    return isinstance(traits, dict) and all(map(_is_valid, traits.values()))


def _is_valid(trait: object) -> bool:
    if not isinstance(trait, list) or len(trait) != 3:
        return False
    value, t, event_id = trait
    scalar = value is None or isinstance(value, str | int | float)
    return scalar and isinstance(t, float | int) and -inf < t < inf and isinstance(event_id, str)
