"""What comes from data, as a terminal may get it: nothing in it can move the cursor, clear the screen or hide text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# What JSON leaves as it is, though terminals obey it, or no encoding takes it.
_OBEYED: Final = re.compile("[\x7f-\x9f\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    """The text with what cannot be printed written as an escape (`\\x1b`), but for the characters to `keep`."""
    return text if text.isprintable() else "".join(_safe(each, keep) for each in text)


def printable_json(text: str) -> str:
    """JSON that says the same and can be printed."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _safe(character: str, keep: str) -> str:
    # Other scripts have blanks of their own.
    if character.isprintable() or character in keep or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()
