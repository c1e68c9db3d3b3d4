"""Files of events as sources: JSON lines go out as they are, rows of CSV and Parquet files become events."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from stream_seg.core.vocabulary import TOPICS
from stream_seg.datasets.envelopes import as_read, moment_of, topic_of
from stream_seg.datasets.record import UNKNOWN_TIME_S, SourceError, SourceRecord
from stream_seg.datasets.rows import to_record

JSON_LINES: Final = (".jsonl", ".ndjson", ".json")
PARQUET: Final = (".parquet", ".pq")
SUFFIXES: Final = (".csv", *JSON_LINES, *PARQUET)
BATCH_ROWS: Final = 8_192


class FileSource:
    """The events of one file, in its order.

    `topic` sends all of them there; without it each goes where its `topic` or its type belongs. `key_field` names the
    column or field with the customer id, if that is not `customer_id`, Segment's `userId`, or in JSON lines GA4's
    `user_id`. Raises SourceError, with file and line, at the first event that cannot be sent.
    """

    def __init__(self, path: Path, topic: str | None = None, key_field: str | None = None) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise SourceError(f"{path}: not a kind of file that can be replayed; give one of {', '.join(SUFFIXES)}")
        if not path.is_file():
            raise SourceError(f"{path}: there is no such file")
        if topic is not None and topic not in TOPICS:
            raise SourceError(f"topic {topic!r} is not an input topic; give one of {', '.join(TOPICS)}")
        self.path = path
        self.topic = topic
        self.key_field = key_field

    def __iter__(self) -> Iterator[SourceRecord]:
        suffix = self.path.suffix.lower()
        try:
            if suffix in JSON_LINES:
                yield from self._json_lines()
            else:
                yield from self._rows(self._parquet() if suffix in PARQUET else self._csv())
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    def _fail(self, number: int, what: str) -> SourceError:
        unit = "row" if self.path.suffix.lower() in PARQUET else "line"
        return SourceError(f"{self.path}, {unit} {number}: {what}")

    def _rows(self, rows: Iterator[tuple[int, Mapping[str, Any]]]) -> Iterator[SourceRecord]:
        for number, row in rows:
            yield to_record(row, number, self.topic, self.key_field, partial(self._fail, number))

    def _json_lines(self) -> Iterator[SourceRecord]:
        occurred_at_s = UNKNOWN_TIME_S
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                value = line.rstrip(b"\r\n")
                if not value.strip():
                    continue
                event = self._parse(number, value)
                native = as_read(event)
                # Whether its time is good is for the worker to judge; here it only paces.
                moment = moment_of(event, native)
                occurred_at_s = occurred_at_s if moment is None else moment
                topic = self.topic or topic_of(event, native, partial(self._fail, number))
                yield SourceRecord(topic, self._key(number, event, native), value, occurred_at_s)

    def _parse(self, number: int, value: bytes) -> dict[str, Any]:
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise self._fail(number, f"not JSON ({error}); write one JSON object a line") from error
        if not isinstance(event, dict):
            raise self._fail(number, "JSON, but not an object; write one JSON object a line")
        return event

    def _key(self, number: int, event: Mapping[str, Any], native: Mapping[str, Any]) -> bytes:
        customer = event.get(self.key_field) if self.key_field else native.get("customer_id", event.get("userId"))
        if not isinstance(customer, str) or not customer:
            name = self.key_field or "customer_id (Segment's userId, GA4's user_id)"
            found = "is missing" if customer is None else f"is {customer!r}"
            raise self._fail(number, f"{name} {found}; every event needs its customer's id, a string")
        return customer.encode()

    def _check_columns(self, names: Iterable[str]) -> None:
        twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
        if twice is not None:
            raise SourceError(f"{self.path}: two columns are named {twice!r}; rename one, or leave it out")

    def _csv(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        with self.path.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, strict=True)
            try:
                header = next(rows, [])
                self._check_columns(header)
                for cells in rows:
                    if not cells:
                        continue
                    if len(cells) != len(header):
                        raise self._fail(rows.line_num, f"{len(cells)} cells, but the header has {len(header)}")
                    yield rows.line_num, dict(zip(header, cells, strict=True))
            except csv.Error as error:
                raise self._fail(
                    rows.line_num, f"not CSV ({error}); quote cells with commas, quotes, newlines"
                ) from error
            except UnicodeDecodeError as error:
                raise self._fail(rows.line_num + 1, f"not UTF-8 ({error.reason}); save the file as UTF-8") from error

    def _parquet(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        try:
            import pyarrow
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise SourceError(f"{self.path}: pyarrow is not installed; run: pip install pyarrow") from error
        try:
            file = parquet.ParquetFile(self.path)
            names = file.schema_arrow.names
        except (pyarrow.ArrowException, ValueError) as error:
            raise SourceError(f"{self.path}: not a Parquet file ({error})") from error
        with file:
            self._check_columns(names)
            number = 0
            for batch in self._batches(file, pyarrow):
                columns = {name: self._cells(name, batch.column(name), number, pyarrow) for name in names}
                for cells in zip(*columns.values(), strict=True):
                    number += 1
                    yield number, dict(zip(columns, cells, strict=True))

    def _batches(self, file: Any, pyarrow: Any) -> Iterator[Any]:
        try:
            yield from file.iter_batches(BATCH_ROWS)
        except (pyarrow.ArrowException, ValueError) as error:
            raise SourceError(f"{self.path}: the file is damaged ({error}); write or copy it again") from error

    def _cells(self, name: str, column: Any, before: int, pyarrow: Any) -> list[Any]:
        """Values of a column after so many rows; raises SourceError at the first that Python has no value for."""
        faults = (pyarrow.ArrowException, ValueError, OverflowError, LookupError)  # the last of a time zone
        try:
            return _column(column, pyarrow)
        except faults:
            for at in range(len(column)):
                try:
                    _column(column.slice(at, 1), pyarrow)
                except faults as error:
                    what = f"{name} holds what cannot be read ({error}); mend it, or leave the column out"
                    raise self._fail(before + at + 1, what) from error
            raise


def _column(column: Any, pyarrow: Any) -> list[Any]:
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        # Python's times have no nanoseconds. From other units nothing is cut off, but what is too large must not pass.
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=kind.unit != "ns")
    elif pyarrow.types.is_decimal(kind):
        column = column.cast(pyarrow.float64())
    values: list[Any] = column.to_pylist()
    return values
