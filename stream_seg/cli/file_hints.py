"""Hints for a CSV file of which no row is an event, because of its encoding or its delimiter."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import Final

_START_BYTES: Final = 65_536
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def csv_hint(path: Path) -> str:
    """Return what to do about the encoding or the delimiter of a CSV file, or an empty string if both look right.

    Called when no row of a file without a mapping is an event. It reads the first 64 KiB. Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return 'The file is UTF-16. Save it as UTF-8, or set encoding = "utf-16" under [file] in a mapping (--map).'
    header = start.decode("utf-8", "replace").split("\n", 1)[0]
    found = next((delimiter for delimiter in _DELIMITERS if delimiter in header), None)
    if found is None or "," in header:
        return ""
    written = found.replace("\t", r"\t")
    return (
        f"The header separates its columns with {_DELIMITERS[found]}. Save the file with commas, or set"
        f' delimiter = "{written}" under [file] in a mapping (--map).'
    )
