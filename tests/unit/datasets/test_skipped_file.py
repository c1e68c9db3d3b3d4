"""Files of skipped rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.datasets.files import FileSource
from stream_seg.datasets.skipped_file import SkippedFile
from stream_seg.errors import SourceError


def test_rows_of_csv_below_their_header(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.csv", tmp_path / "bad.csv"
    rows = [
        "customer_id,type,occurred_at,note",
        "c-1,page_viewed,1,",
        ',page_viewed,2,"a, b\nc"',
        'c-1,"x"y,3,',
        "c-1,1",
    ]
    path.write_bytes("\r\n".join(rows).encode())
    source = FileSource(path)
    with SkippedFile(kept, source):
        assert len(list(source)) == 1
    assert kept.read_bytes().decode() == "\r\n".join([rows[0], rows[2], rows[3], rows[4] + "\n"])
    # The corrected rows are events with the ids that they would have had.
    kept.write_text(kept.read_text().replace(",page_viewed,2", "c-2,page_viewed,2"))
    assert [record.key for record in FileSource(kept)] == [b"c-2"]


def test_lines_of_json(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.jsonl", tmp_path / "bad.jsonl"
    path.write_bytes(b'{"customer_id":"c-1","type":"page_viewed"}\n[]\n\xff\n{}')
    source = FileSource(path)
    with SkippedFile(kept, source):
        assert len(list(source)) == 1
    assert kept.read_bytes() == b"[]\n\xff\n{}\n"


def test_without_skipped_rows_there_is_no_file(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.csv", tmp_path / "bad.csv"
    path.write_text("customer_id,type,occurred_at\nc-1,page_viewed,1\n")
    source = FileSource(path)
    with SkippedFile(kept, source):
        assert len(list(source)) == 1
    assert not kept.exists()


def test_where_rows_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("customer_id\n\nc-1\n")
    source = FileSource(path)
    with pytest.raises(SourceError, match=r"a\.csv: exists already; name a file that does not"):
        SkippedFile(path, source)
    with pytest.raises(SourceError, match=r"bad\.jsonl: name a \.csv file, as .*a\.csv is"):
        SkippedFile(tmp_path / "bad.jsonl", source)
    with (
        SkippedFile(tmp_path / "none" / "bad.csv", source),
        pytest.raises(SourceError, match=r"bad\.csv: cannot be written: No such file or directory"),
    ):
        list(source)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(SourceError, match="rows of Parquet files cannot be written as they are"):
        SkippedFile(tmp_path / "bad.parquet", FileSource(tmp_path / "a.parquet"))
