"""Files with one fault: it costs its own row, gives a reason, and merges no rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.contracts.mapping.model import FileOptions
from stream_seg.datasets.csv_file import CsvFile
from stream_seg.datasets.files import FileSource
from stream_seg.errors import SourceError
from stream_seg.settings import Settings
from stream_seg.tools.replay.validate import faults
from tests.unit.datasets.test_files import events, read, skipped

HEADER = "customer_id,order_id,amount,occurred_at\n"


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    rows = [f"c-{number},o-{number},5,1\n" for number in range(2, 2_002)]
    rows[198] = 'c-200,"o-200,5,1\n'
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "".join(rows))
    source = FileSource(path, None, None)
    records = list(source)
    assert (len(records), records[-1].key, records[-1].line) == (1_999, b"c-2001", 2_001)
    assert source.skips.first_lines == {"bad_row": [200]}


def test_a_cell_with_line_breaks_stays_one_row(tmp_path: Path) -> None:
    records = read(tmp_path / "a.csv", HEADER + '"c\n1",o-1,5,1\nc-2,o-2,5,1\n')
    assert [record.key for record in records] == [b"c\n1", b"c-2"]


@pytest.mark.parametrize("amount", ["1_000", "1e3", "٣", "0x10", " "])
def test_amounts_in_forms_that_no_shop_writes(tmp_path: Path, amount: str) -> None:
    assert skipped(tmp_path / "a.csv", f"{HEADER}c-1,o-1,{amount},1\n")[0][0] == "wrong_type"


def test_half_an_item_is_none(tmp_path: Path) -> None:
    text = HEADER.replace("\n", ",items\n") + "c-1,o-1,5,1,2.7\n"
    assert skipped(tmp_path / "a.csv", text)[0][0] == "wrong_type"


@pytest.mark.parametrize("when", ["2025", "20250131", "202501311800"])
def test_digits_that_may_be_a_date(tmp_path: Path, when: str) -> None:
    assert skipped(tmp_path / "a.csv", f"{HEADER}c-1,o-1,5,{when}\n")[0][0] == "bad_time"


def test_ids_that_json_readers_round_are_refused(tmp_path: Path) -> None:
    line = '{"type":"page","messageId":"m","userId":%d,"timestamp":"2025-01-01T00:00:00Z"}'
    text = "\n".join(line % number for number in (1234567890123456789012345, 1234567890123456789012346))
    ((reason, lines, _),) = skipped(tmp_path / "a.jsonl", text)
    assert (reason, lines) == ("wrong_type", [1, 2])


def test_a_number_that_a_format_keeps_deeper_is_the_key(tmp_path: Path) -> None:
    line = '{"event":"$pageview","uuid":"u","distinct_id":5,"timestamp":"2025-01-01T00:00:00Z","properties":{}}'
    (record,) = read(tmp_path / "a.jsonl", line, topic="interactions")
    assert (record.key, record.value) == (b"5", line.encode())


def test_a_byte_order_mark_and_lines_that_are_too_long(tmp_path: Path) -> None:
    good = '{"event_id":"e","customer_id":"c","occurred_at":1,"type":"page_viewed","properties":{"x":"%s"}}'
    path = tmp_path / "a.jsonl"
    path.write_text("\ufeff" + good % "" + "\n" + good % ("x" * 300_000) + "\n")
    source = FileSource(path, None, None)
    assert len(events(list(source))) == 1
    assert source.skips.first_lines == {"too_large": [2]}


def test_a_batch_names_itself(tmp_path: Path) -> None:
    ((reason, _, detail),) = skipped(tmp_path / "a.jsonl", '{"batch":[{"type":"page","userId":"c"}]}')
    assert reason == "unsupported_format"
    assert "batch of 1 calls" in detail


def test_a_file_in_another_encoding_than_its_mapping_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\nc-1\n!")
    with pytest.raises(SourceError, match="is not utf-16"):
        list(CsvFile(path, FileOptions(encoding="utf-16")).rows())


def test_strict_judges_placeholders_as_the_settings_say(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}guest,o-1,5,1\nTEST,o-2,5,1\n")
    usual = faults(FileSource(path), Settings(), 2e9)
    own = faults(FileSource(path), Settings(placeholder_ids=("test",)), 2e9)
    assert (usual.first_lines, own.first_lines) == ({"placeholder_id": [2]}, {"placeholder_id": [3]})
