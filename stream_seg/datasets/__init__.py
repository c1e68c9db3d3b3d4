"""Replayable sources: a real year of shopping, a simulated shop, and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_seg.contracts.mapping import EventMapping, parse_mapping
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.files import SUFFIXES, FileSource
from stream_seg.datasets.record import Source, SourceRecord
from stream_seg.datasets.simulator import simulate
from stream_seg.errors import MappingError, SourceError

__all__ = ["NAMES", "Reading", "Source", "SourceError", "SourceRecord", "open_source"]

NAMES = ("complete-journey", "simulate")


@dataclass(frozen=True, slots=True)
class Reading:
    """Options for reading a source. `seed` is for `simulate`, the others are for files (see FileSource).

    `mapping` is the path of a mapping file.
    """

    seed: int = 0
    topic: str | None = None
    key_field: str | None = None
    mapping: Path | None = None


_PLAIN: Final = Reading()


def open_source(name_or_path: str, reading: Reading = _PLAIN) -> Source:
    """Return a source by its name, or the file at a path.

    `operator.length_hint` gives its length where it is known. Raises SourceError for a source that does not exist or
    does not support these options.
    """
    if name_or_path == "complete-journey":
        return CompleteJourney()
    if name_or_path == "simulate":
        return simulate(seed=reading.seed)
    path = Path(name_or_path)
    if path.suffix.lower() in SUFFIXES or path.exists():
        mapping = None if reading.mapping is None else load_mapping(reading.mapping)
        return FileSource(path, reading.topic, reading.key_field, mapping)
    raise SourceError(
        f"there is no source {name_or_path!r}; give {', '.join(NAMES)}, or a file ({', '.join(SUFFIXES)})"
    )


def load_mapping(path: Path) -> EventMapping:
    """Return the mapping in a TOML file. Raises SourceError."""
    try:
        return parse_mapping(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8, as TOML must be ({error.reason}); save it as UTF-8") from None
    except MappingError as error:
        raise SourceError(str(error)) from None
