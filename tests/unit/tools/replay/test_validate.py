"""Judging a file before anything of it is sent."""

from __future__ import annotations

from pathlib import Path

from stream_seg.datasets.files import FileSource
from stream_seg.settings import Settings
from stream_seg.tools.replay.validate import faults

NOW_S = 1_900_000_000.0


def test_rows_that_a_worker_would_reject_are_faults_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"event_id":"e","customer_id":"c","occurred_at":1,"type":"page_viewed"}'
    order = '{"event_id":"e","customer_id":"c","occurred_at":1,"order_id":"o","amount":5,"currency":"EUR"}'
    lines = [good, good.replace('"event_id":"e",', ""), "[]", order, good.replace('"c"', "null"), good]
    path.write_text("\n".join(lines))
    found = faults(FileSource(path), Settings(), NOW_S)
    assert found.by_reason == {"missing_field": 2, "not_an_object": 1, "currency_without_rate": 1}
    assert found.first_lines == {"missing_field": [2, 5], "not_an_object": [3], "currency_without_rate": [4]}
    assert found.first() == (2, "event_id is missing.")
    rated = faults(FileSource(path), Settings(rates={"EUR": 1.1}), NOW_S)
    assert "currency_without_rate" not in rated.by_reason


def test_a_file_without_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("customer_id,type,occurred_at\nc-1,page_viewed,1\n")
    assert len(faults(FileSource(path), Settings(), NOW_S)) == 0
