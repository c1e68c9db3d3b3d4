"""CSV files: rows by column name, each with its source text."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from stream_seg.contracts.mapping.model import FileOptions
from stream_seg.contracts.reasons import NOT_UTF8, Refused
from stream_seg.errors import SourceError

from .skips import BAD_ROW, Row

PLAIN: Final = FileOptions()


class CsvFile:
    """The rows of a CSV file, by the names in its first line. `options` describe its format."""

    def __init__(self, path: Path, options: FileOptions = PLAIN) -> None:
        self._path = path
        self._options = options

    def header(self) -> tuple[list[str], bytes]:
        """Return the column names and the text of the header. Raises SourceError for a duplicate name."""
        with self._open() as text:
            lines = _Lines(text)
            try:
                names: list[str] = next(self._reader(lines), [])
            except csv.Error as error:
                raise SourceError(f"{self._path}, line 1: not CSV ({error})") from None
            except UnicodeError as error:
                raise SourceError(f"{self._path} is not {self._options.encoding}: {error}") from None
            check_columns(self._path, names)
            return names, self.encoded(lines.taken())

    def columns(self) -> list[str]:
        """Return the column names. Raises SourceError."""
        return self.header()[0]

    def rows(self) -> Iterator[Row]:
        """Yield all rows except empty ones. An unreadable row has a Refused as its content. Raises SourceError."""
        names, _ = self.header()
        with self._open() as text:
            lines = _Lines(text)
            rows = self._reader(lines)
            next(rows, [])
            lines.taken()
            while True:
                try:
                    cells = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    content: dict[str, str] | Refused = Refused(
                        BAD_ROW, f"not CSV ({error}); quote cells with delimiters, quotes, newlines."
                    )
                except UnicodeError as error:
                    raise SourceError(f"{self._path} is not {self._options.encoding}: {error}") from None
                else:
                    if not cells:
                        continue
                    content = self._content(names, cells)
                if isinstance(content, Refused) and lines.give_back():
                    # A quote that is never closed swallows all lines after it. Only its own line is bad.
                    rows = self._reader(lines)
                yield Row(lines.number, content, lines.taken())

    def _content(self, names: list[str], cells: list[str]) -> dict[str, str] | Refused:
        if len(cells) != len(names):
            return Refused(BAD_ROW, f"{len(cells)} cells, but the header has {len(names)}.")
        if not all(map(str.isprintable, cells)) and any(
            "\udc80" <= char <= "\udcff" for each in cells for char in each
        ):
            encoding = self._options.encoding.removesuffix("-sig")
            return Refused(NOT_UTF8, f"not {encoding}; save the file as UTF-8, or name its encoding in a mapping.")
        return dict(zip(names, cells, strict=True))

    def encoded(self, raw: Sequence[str]) -> bytes:
        """Yield the lines as the file has them."""
        return "".join(raw).encode(self._options.encoding.replace("utf-8-sig", "utf-8"), "surrogateescape")

    def _open(self) -> TextIO:
        # Bytes that are not text are kept as surrogates, so that one bad row does not end the file.
        return self._path.open(encoding=self._options.encoding, errors="surrogateescape", newline="")

    def _reader(self, lines: Iterator[str]) -> Any:
        return csv.reader(lines, delimiter=self._options.delimiter, quotechar=self._options.quote, strict=True)


class _Lines:
    """The lines of a text, and the lines read since the last call of `taken`."""

    def __init__(self, text: Iterable[str]) -> None:
        self.number = 0  # number of the line that was read last, from 1
        self._text = iter(text)
        self._again: deque[str] = deque()
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self.number += 1
        self._taken.append(line)
        return line

    def give_back(self) -> bool:
        """Reread all lines but the first since the last call of `taken`, and return whether there are any."""
        behind = self._taken[1:]
        self._again.extendleft(reversed(behind))
        self.number -= len(behind)
        del self._taken[1:]
        return bool(behind)

    def taken(self) -> Sequence[str]:
        """Return the lines that were read since the last call."""
        taken, self._taken = self._taken, []
        return taken


def check_columns(path: Path, names: Iterable[str]) -> None:
    """Raise SourceError if two columns share a name. Any number of columns may have no name."""
    twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if twice is not None:
        raise SourceError(f"{path}: two columns are named {twice!r}; rename one, or leave it out")
