"""A mapping file that has been checked: rows of a source as events."""

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
    """A mapping file that has been checked. `plans` are its event tables, in order."""

    name: str
    tables: MappingFile
    plans: Sequence[Plan]

    @property
    def file(self) -> FileOptions:
        """How a CSV file of the source is written."""
        return self.tables.file

    @property
    def digest(self) -> str:
        """A hash of what the file says; comments, order of keys and layout do not count."""
        return xxh3_64_hexdigest(orjson.dumps(self.tables.model_dump(), option=orjson.OPT_SORT_KEYS))

    def apply(self, row: Mapping[str, Any]) -> MappedEvent | None:
        """The event that a row becomes by the first table whose conditions hold; None where none does.

        The event has no `event_id` where the mapping names no column for it. Raises Refused where the row lacks what
        an event needs, or a value cannot be read.
        """
        for plan in self.plans:
            if plan.holds(row):
                return plan.event_of(row)
        return None

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise MappingError for a column that the mapping names and a table does not have."""
        for at, plan in enumerate(self.plans, 1):
            for key, paths in plan.paths():
                if not any(path in columns or path.partition(".")[0] in columns for path in paths):
                    hint = suggested(paths[0], columns)
                    raise MappingError(f"{self.name}, [[event]] {at}, {key}: there is no column {paths[0]!r}{hint}")
