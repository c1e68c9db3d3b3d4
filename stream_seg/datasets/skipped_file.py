"""A file of the skipped rows, unchanged, so that they can be corrected and replayed separately."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from stream_seg.errors import SourceError

from .files import PARQUET, FileSource
from .skips import Row


class SkippedFile:
    """Writes the skipped rows of a source, below the header for CSV. The file is created with the first row.

    Raises SourceError if the file exists, is of another kind than the source, or cannot be written.
    """

    def __init__(self, path: Path, source: FileSource) -> None:
        suffix = source.path.suffix.lower()
        if suffix in PARQUET:
            raise SourceError("rows of Parquet files cannot be written as they are; leave out --skipped")
        if path.suffix.lower() != suffix:
            raise SourceError(f"{path}: name a {suffix} file, as {source.path} is, so that it can be replayed")
        if path.exists():
            raise SourceError(f"{path}: exists already; name a file that does not")
        self._path = path
        self._source = source
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._source.keep = self._write
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.keep = None
        if self._file is not None:
            self._file.close()

    def _write(self, row: Row) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("xb")
                if not isinstance(row.raw, bytes):
                    self._file.write(self._source.csv().header()[1])
            text = row.raw if isinstance(row.raw, bytes) else self._source.csv().encoded(row.raw)
            self._file.write(text if text.endswith(b"\n") else text + b"\n")
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be written: {error.strerror or error}") from error
