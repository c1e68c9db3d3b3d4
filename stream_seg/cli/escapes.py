"""Escape text from data, so that it cannot move the cursor of a terminal, clear its screen or hide text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Characters that JSON does not escape, although terminals obey them or no encoding accepts them.
_OBEYED: Final = re.compile("[\x7f-\x9f\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    """Return the text with nonprintable characters as escapes (`\\x1b`), except for the characters to `keep`."""
    return text if text.isprintable() else "".join(_safe(each, keep) for each in text)


def printable_json(text: str) -> str:
    """Return equivalent JSON that is safe to print."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _safe(character: str, keep: str) -> str:
    # Other scripts have their own space characters.
    if character.isprintable() or character in keep or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()
