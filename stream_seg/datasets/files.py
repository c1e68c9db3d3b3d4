"""Event files as sources: JSON lines pass unchanged, and rows of CSV and Parquet files become events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from stream_seg.contracts.mapping import EventMapping
from stream_seg.contracts.reasons import Refused
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import MappingError, SourceError

from .csv_file import PLAIN, CsvFile
from .identity import identity_of_file
from .json_lines import JsonEvents, json_records
from .mapped import MappedEvents
from .parquet_file import ParquetFile
from .record import SourceRecord
from .rows import TableEvents
from .skips import Row, Skips

JSON_LINES: Final = (".jsonl", ".ndjson", ".json")
PARQUET: Final = (".parquet", ".pq")
SUFFIXES: Final = (".csv", *JSON_LINES, *PARQUET)


class FileSource:
    """The events of one file, in file order.

    `topic` sends all of them to one topic. Without it each event goes where its `topic` or its type belongs.
    `key_field` names the column or field with the customer id, if that is not `customer_id`, Segment's `userId` or
    GA4's `user_id`. A `mapping` replaces both. Rows that are not events are skipped, and `skips` counts them anew
    each time the source is read. `keep` is called with each of them. Raises SourceError for an unreadable file.
    """

    def __init__(
        self, path: Path, topic: str | None = None, key_field: str | None = None, mapping: EventMapping | None = None
    ) -> None:
        self.path = path
        self._suffix = path.suffix.lower()
        self._topic = topic
        self._key_field = key_field
        self._mapping = mapping
        self.skips = Skips()
        self.keep: Callable[[Row], None] | None = None
        self._check()

    @property
    def name(self) -> str:
        """Return the name of the source in messages."""
        return str(self.path)

    @property
    def unit(self) -> str:
        """Return the counted unit: lines of text, or rows of Parquet files."""
        return "row" if self._suffix in PARQUET else "line"

    def identity(self) -> str:
        """Return a hash of the content and of the options that change its meaning."""
        options = {
            "kind": "json" if self._suffix in JSON_LINES else "parquet" if self._suffix in PARQUET else "csv",
            "topic": self._topic,
            "key_field": self._key_field,
            "mapping": self._mapping and self._mapping.digest,
        }
        try:
            return identity_of_file(self.path, options)
        except OSError as error:
            raise self._unreadable(error) from error

    def __iter__(self) -> Iterator[SourceRecord]:
        self.skips = skips = Skips(self.keep)
        try:
            yield from self._json_lines(skips) if self._suffix in JSON_LINES else self._table(skips)
        except OSError as error:
            raise self._unreadable(error) from error

    def csv(self) -> CsvFile:
        """Return the file as CSV, in the format that the mapping describes."""
        return CsvFile(self.path, PLAIN if self._mapping is None else self._mapping.file)

    def _check(self) -> None:
        if self._suffix not in SUFFIXES:
            raise SourceError(
                f"{self.path}: not a kind of file that can be replayed; give one of {', '.join(SUFFIXES)}"
            )
        if not self.path.is_file():
            raise SourceError(f"{self.path}: there is no such file")
        if self._topic is not None and self._topic not in TOPICS:
            raise SourceError(f"topic {self._topic!r} is not an input topic; give one of {', '.join(TOPICS)}")
        if self._mapping is not None and (self._topic or self._key_field):
            raise SourceError("a mapping says topic and customer itself; leave out --topic and --key-field")

    def _json_lines(self, skips: Skips) -> Iterator[SourceRecord]:
        events = JsonEvents(self._topic, self._key_field) if self._mapping is None else MappedEvents(self._mapping)
        return json_records(self.path, events.record_of_line, skips)

    def _table(self, skips: Skips) -> Iterator[SourceRecord]:
        events = TableEvents(self._topic, self._key_field) if self._mapping is None else MappedEvents(self._mapping)
        table = ParquetFile(self.path) if self._suffix in PARQUET else self.csv()
        if self._mapping is not None:
            self._check_columns(self._mapping, table.columns())
        for row in table.rows():
            try:
                if isinstance(row.content, Refused):
                    raise row.content
                record = events.record(row)
            except Refused as why:
                skips.add(row, why)
                continue
            yield record

    def _check_columns(self, mapping: EventMapping, columns: Collection[str]) -> None:
        try:
            mapping.check_columns(columns)
        except MappingError as error:
            raise SourceError(f"{error} in {self.path}") from None

    def _unreadable(self, error: OSError) -> SourceError:
        return SourceError(f"{self.path}: cannot be read: {error.strerror or error}")
