"""Parquet files: rows by column name, with the file's own types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from stream_seg.contracts.reasons import Refused
from stream_seg.errors import SourceError

from .csv_file import check_columns
from .skips import BAD_ROW, Row

BATCH_ROWS: Final = 8_192


class ParquetFile:
    """The rows of a Parquet file, counted from 1."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def columns(self) -> list[str]:
        """Return the column names. Raises SourceError."""
        with self._open(_pyarrow(self._path)) as file:
            names: list[str] = file.schema_arrow.names
        check_columns(self._path, names)
        return names

    def rows(self) -> Iterator[Row]:
        """Yield all rows. A row with an unreadable cell has a Refused as its content. Raises SourceError."""
        names = self.columns()
        pyarrow = _pyarrow(self._path)
        number = 0
        with self._open(pyarrow) as file:
            for batch in self._batches(file, pyarrow):
                columns = [_cells(name, batch.column(name), pyarrow) for name in names]
                for cells in zip(*columns, strict=True):
                    number += 1
                    bad = next((each for each in cells if isinstance(each, Refused)), None)
                    yield Row(number, bad or dict(zip(names, cells, strict=True)), b"")

    def _open(self, pyarrow: Any) -> Any:
        try:
            return pyarrow.parquet.ParquetFile(self._path)
        except (pyarrow.ArrowException, ValueError) as error:
            raise SourceError(f"{self._path}: not a Parquet file ({error})") from error

    def _batches(self, file: Any, pyarrow: Any) -> Iterator[Any]:
        try:
            yield from file.iter_batches(BATCH_ROWS)
        except (pyarrow.ArrowException, ValueError) as error:
            raise SourceError(f"{self._path}: the file is damaged ({error}); write or copy it again") from error


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SourceError(f"{path}: pyarrow is not installed; run: pip install pyarrow") from error
    return pyarrow


def _cells(name: str, column: Any, pyarrow: Any) -> list[Any]:
    """Return the values of a column, with a Refused in place of each value that Python cannot represent."""
    faults = (pyarrow.ArrowException, ValueError, OverflowError, LookupError)  # the last of a time zone
    try:
        return _values(column, pyarrow)
    except faults:
        found: list[Any] = []
        for at in range(len(column)):
            try:
                found += _values(column.slice(at, 1), pyarrow)
            except faults as error:
                detail = f"{name} holds what cannot be read ({error}); mend it, or leave the column out."
                found.append(Refused(BAD_ROW, detail))
        return found


def _values(column: Any, pyarrow: Any) -> list[Any]:
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        # Python's times have no nanoseconds. Other units lose nothing, but values out of range must not pass.
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=kind.unit != "ns")
    elif pyarrow.types.is_decimal(kind):
        column = column.cast(pyarrow.float64())
    values: list[Any] = column.to_pylist()
    return values
