"""Files that become events through a mapping."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow
import pyarrow.parquet
import pytest

from stream_seg.contracts.mapping import parse_mapping
from stream_seg.datasets import Reading, SourceRecord, open_source
from stream_seg.datasets.files import FileSource
from stream_seg.errors import SourceError

TOML = """
[file]
delimiter = ";"
encoding = "latin-1"
[times]
zone = "UTC"
[[event]]
type = "page_viewed"
when = { from = "Art", is = "Besuch" }
fields = { customer_id = "Kunde", occurred_at = { from = "Zeit", format = ["%d.%m.%Y", "%Y-%m-%d"] } }
"""


def read(path: Path) -> tuple[list[SourceRecord], FileSource]:
    source = FileSource(path, mapping=parse_mapping(TOML, "a.toml"))
    return list(source), source


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Kunde;Art;Zeit\nJosé;Besuch;31.01.2025\nx;Kauf;\n;Besuch;31.01.2025\n".encode("latin-1"))
    (record,), source = read(path)
    assert (record.topic, record.key, record.occurred_at_s, record.line) == (
        "interactions", "José".encode(), 1_738_281_600.0, 2,
    )  # fmt: skip
    event = orjson.loads(record.value)
    assert len(event.pop("event_id")) == 24
    assert event == {"type": "page_viewed", "customer_id": "José", "occurred_at": "2025-01-31T00:00:00Z"}
    assert source.skips.first_lines == {"not_mapped": [3], "missing_field": [4]}
    assert (source.skips.faults, source.skips.not_mapped) == ({"missing_field": 1}, 1)
    assert source.skips.first() == (4, "customer_id is missing: Kunde is empty.")
    assert source.skips.details == {
        "not_mapped": "no [[event]] of a.toml takes this row.",
        "missing_field": "customer_id is missing: Kunde is empty.",
    }


def test_json_lines_and_parquet_give_the_same_events(tmp_path: Path) -> None:
    rows = [{"Kunde": "c-1", "Art": "Besuch", "Zeit": "2025-01-31"}, {"Kunde": "c-2", "Art": "Besuch", "Zeit": None}]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(orjson.dumps(row) for row in rows) + b"\n[]\n")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    lines, source = read(tmp_path / "a.jsonl")
    assert source.skips.by_reason == {"missing_field": 1, "not_an_object": 1}
    assert lines == read(tmp_path / "a.parquet")[0]


def test_ids_are_those_of_the_content(tmp_path: Path) -> None:
    def ids(*rows: str) -> list[str]:
        path = tmp_path / "a.csv"
        path.write_text("\n".join(["Kunde;Art;Zeit;Notiz", *rows]) + "\n")
        return [orjson.loads(record.value)["event_id"] for record in read(path)[0]]

    once = ids("c-1;Besuch;01.01.2025;a", "c-2;Besuch;01.01.2025;", "c-1;Besuch;2025-01-01;b")
    assert len(set(once)) == 3
    # Neither an unmapped column nor the spelling of a time is part of the event.
    assert ids("c-1;Besuch;2025-01-01;c", "c-1;Besuch;01.01.2025;d", "c-1;Besuch;01.01.2025;")[:2] == [once[0], once[2]]


def test_a_column_that_is_not_there_is_an_error_before_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Kund;Art;Zeit\nx;Besuch;01.01.2025\n")
    with pytest.raises(SourceError) as raised:
        read(tmp_path / "a.csv")
    assert str(raised.value) == (
        "a.toml, [[event]] 1, fields.customer_id: there is no column 'Kunde' (did you mean Kund?) in "
        f"{tmp_path / 'a.csv'}"
    )


def test_opened_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Kunde;Art;Zeit\nc-1;Besuch;01.01.2025\n")
    (tmp_path / "a.toml").write_text(TOML)
    reading = Reading(mapping=tmp_path / "a.toml")
    assert [record.key for record in open_source(str(tmp_path / "a.csv"), reading)] == [b"c-1"]
    with pytest.raises(SourceError, match=r"none\.toml: cannot be read: No such file"):
        open_source(str(tmp_path / "a.csv"), Reading(mapping=tmp_path / "none.toml"))
    (tmp_path / "b.toml").write_bytes(b"\xff")
    with pytest.raises(SourceError, match=r"b\.toml is not UTF-8, as TOML must be"):
        open_source(str(tmp_path / "a.csv"), Reading(mapping=tmp_path / "b.toml"))
    (tmp_path / "c.toml").write_text("x = 1")
    with pytest.raises(SourceError, match=r"c\.toml, \[event\]: is missing"):
        open_source(str(tmp_path / "a.csv"), Reading(mapping=tmp_path / "c.toml"))
    with pytest.raises(
        SourceError, match="a mapping says topic and customer itself; leave out --topic and --key-field"
    ):
        open_source(str(tmp_path / "a.csv"), Reading(topic="purchases", mapping=tmp_path / "a.toml"))
