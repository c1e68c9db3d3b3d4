"""Suggestions for unknown names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggested(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ` (did you mean X?)` for the nearest known name, or "" if no similarity (0 to 1) reaches `cutoff`."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return f" (did you mean {by_lower[near[0]]}?)" if near else ""
