"""Traits of a customer: for each name the value said last, by the time of the event, whatever arrives first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

Scalar = str | int | float | bool | None

MAX_TRAITS: Final = 64


def merge(held: bytes, said: Mapping[str, Scalar], t: float, event_id: str) -> bytes:
    """Held traits with those said at `t`; the later event wins, and of two at once the greater event id.

    The result is JSON: ``{name: [value, epoch seconds, event id]}``. At most `MAX_TRAITS` names are held, those
    said last.
    """
    traits = json.loads(held) if held else {}
    for name, value in said.items():
        known = traits.get(name)
        if known is None or (t, event_id) > (known[1], known[2]):
            traits[name] = [value, t, event_id]
    if len(traits) > MAX_TRAITS:
        latest = sorted(traits, key=lambda name: (*traits[name][1:], name))[-MAX_TRAITS:]
        traits = {name: traits[name] for name in latest}
    return json.dumps(traits, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def values(held: bytes) -> dict[str, Scalar]:
    """The traits held, by name."""
    return {name: value for name, (value, _, _) in json.loads(held).items()} if held else {}
