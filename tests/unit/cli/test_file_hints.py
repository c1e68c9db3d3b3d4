"""Hints for CSV files with another encoding or delimiter."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.cli.file_hints import csv_hint
from stream_seg.cli.replay import Request, file_hint
from stream_seg.datasets import Reading
from stream_seg.datasets.files import FileSource


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"customer_id;amount\nc-1;2\n", 'with semicolons. Save the file with commas, or set delimiter = ";"'),
        (b"customer_id\tamount\n", r'with tabs. Save the file with commas, or set delimiter = "\t"'),
        ("customer_id,amount\n".encode("utf-16"), 'UTF-16. Save it as UTF-8, or set encoding = "utf-16"'),
    ],
)
def test_the_hint_names_the_fault_and_the_remedy(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)

    assert says in csv_hint(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"", b"customer_id,amount\n", b"customer_id,a;b\n", b"customer_id\n"])
def test_other_files_have_no_hint(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)

    assert csv_hint(tmp_path / "a.csv") == ""


def test_only_csv_files_without_a_mapping_have_a_hint(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl"):
        (tmp_path / name).write_bytes(b"customer_id;amount\n")
    csv, lines = FileSource(tmp_path / "a.csv"), FileSource(tmp_path / "a.jsonl")

    assert "semicolons" in file_hint(csv, Request("a.csv", Reading()))
    assert file_hint(csv, Request("a.csv", Reading(mapping=Path("m.toml")))) == ""
    assert file_hint(lines, Request("a.jsonl", Reading())) == ""
