"""Validated mapping files, which turn rows of a source into events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from xxhash import xxh3_64_hexdigest

from stream_seg.errors import MappingError

from .model import FileOptions, MappingFile
from .plan import MappedEvent, Plan
from .suggest import suggested


@dataclass(frozen=True)
class EventMapping:
    """A validated mapping file. `plans` are its event tables, in order."""

    name: str
    tables: MappingFile
    plans: Sequence[Plan]

    @property
    def file(self) -> FileOptions:
        """The options for CSV files of the source."""
        return self.tables.file

    @property
    def digest(self) -> str:
        """A hash of the content of the file, independent of comments, key order and layout."""
        return xxh3_64_hexdigest(orjson.dumps(self.tables.model_dump(), option=orjson.OPT_SORT_KEYS))

    def apply(self, row: Mapping[str, Any]) -> MappedEvent | None:
        """Return the event for a row by the first table whose conditions hold, or None if there is no such table.

        The event has no `event_id` if the mapping names no column for it. Raises Refused if the row lacks a required
        field, or if a value cannot be read.
        """
        for plan in self.plans:
            if plan.holds(row):
                return plan.event_of(row)
        return None

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise MappingError for a column that the mapping names and that is not in `columns`."""
        for at, plan in enumerate(self.plans, 1):
            for key, paths in plan.paths():
                if not any(path in columns or path.partition(".")[0] in columns for path in paths):
                    hint = suggested(paths[0], columns)
                    raise MappingError(f"{self.name}, [[event]] {at}, {key}: there is no column {paths[0]!r}{hint}")
