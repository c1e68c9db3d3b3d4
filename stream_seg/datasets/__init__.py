"""Sources that can be replayed: a real year of shopping, a simulated shop, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.files import SUFFIXES, FileSource
from stream_seg.datasets.record import SourceError, SourceRecord
from stream_seg.datasets.simulator import simulate

__all__ = ["NAMES", "SourceError", "SourceRecord", "open_source"]

NAMES = ("complete-journey", "simulate")


def open_source(
    name_or_path: str, *, seed: int = 0, topic: str | None = None, key_field: str | None = None
) -> Iterable[SourceRecord]:
    """A source by its name, or the file at a path.

    `seed` is for `simulate`; `topic` and `key_field` are for files (see FileSource). Its length, where known, is
    what `operator.length_hint` says. Raises SourceError for what does not exist.
    """
    if name_or_path == "complete-journey":
        return CompleteJourney()
    if name_or_path == "simulate":
        return simulate(seed=seed)
    path = Path(name_or_path)
    if path.suffix.lower() in SUFFIXES or path.exists():
        return FileSource(path, topic, key_field)
    raise SourceError(
        f"there is no source {name_or_path!r}; give {', '.join(NAMES)}, or a file ({', '.join(SUFFIXES)})"
    )
