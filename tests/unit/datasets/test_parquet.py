"""Parquet files: column types, and values that no event can have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stream_seg.contracts.decode import Decoder
from stream_seg.datasets.files import FileSource
from stream_seg.errors import SourceError
from tests.unit.datasets.test_files import NEW_YEAR_S, events


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    when = datetime(2025, 1, 1, tzinfo=UTC)
    columns = {
        "customer_id": pyarrow.array([17, 18]),
        "order_id": ["o-1", "o-2"],
        "amount": pyarrow.array([12.5, 3.0]),
        "occurred_at": pyarrow.array([when, when], pyarrow.timestamp("ns", "UTC")),
        "items": [[{"category": "toys", "quantity": 2}], None],
        "delivered": pyarrow.array([date(2025, 1, 3), None]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    source = FileSource(path)
    one, two = events(list(source))
    assert one.pop("event_id") != two.pop("event_id")
    assert one == {
        "customer_id": "17", "order_id": "o-1", "amount": 12.5, "occurred_at": "2025-01-01T00:00:00+00:00",
        "items": [{"category": "toys", "quantity": 2}], "properties": {"delivered": "2025-01-03"},
        "type": "order_completed",
    }  # fmt: skip
    assert [(record.key, record.occurred_at_s) for record in source] == [(b"17", NEW_YEAR_S), (b"18", NEW_YEAR_S)]


def test_parquet_times_without_zone_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"customer_id": ["c-1"], "type": ["page_viewed"], "occurred_at": [datetime(2025, 1, 1)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    source = FileSource(path)
    assert list(source) == []
    line, detail = source.skips.first()
    assert (line, source.skips.by_reason) == (1, {"bad_time": 1})
    assert detail.startswith('occurred_at is "2025-01-01 00:00:00", not a time with')


def view(**columns: Any) -> dict[str, Any]:
    """Return columns of one row, or of as many rows as the given columns have."""
    count = len(next(iter(columns.values())))
    known = {"customer_id": "c-1", "type": "page_viewed", "occurred_at": 1.0}
    return {**{name: [value] * count for name, value in known.items()}, **columns}


@pytest.mark.parametrize(
    ("columns", "row", "reason", "detail"),
    [
        (view(x=pyarrow.array([b"\xff"])), 1, "bad_row", "a cell cannot be written as JSON (Type is not JSON seriali"),
        (view(x=pyarrow.array([5], pyarrow.duration("s"))), 1, "bad_row", "a cell cannot be written as JSON (Type is"),
        (view(x=pyarrow.array([None, 2**62], pyarrow.duration("s"))), 2, "bad_row", "x holds what cannot be read ("),
        (view(x=pyarrow.array([None, 10**18], pyarrow.timestamp("us"))), 2, "bad_row", "x holds what cannot be read ("),
        (
            view(occurred_at=pyarrow.array([0, 10**18], pyarrow.timestamp("us", "UTC"))),
            2,
            "bad_row",
            "occurred_at holds",
        ),
        (view(x=pyarrow.array([0, 2**30], pyarrow.date32())), 2, "bad_row", "x holds what cannot be read ("),
        (
            view(x=pyarrow.array([0], pyarrow.timestamp("us", "No/Where"))),
            1,
            "bad_row",
            "x holds what cannot be read (",
        ),
        (view(customer_id=pyarrow.array([b"c-1"])), 1, "wrong_type", "customer_id is of the type bytes; an id is text"),
        (view(properties=[5], y=[1]), 1, "wrong_type", "properties is 5; write a JSON object"),
    ],
)
def test_parquet_rows_that_are_no_events_are_skipped_and_the_others_are_sent(
    tmp_path: Path, columns: dict[str, Any], row: int, reason: str, detail: str
) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    source = FileSource(path)
    assert [record.line for record in source] == list(range(1, row))
    assert source.skips.by_reason == {reason: 1}
    assert source.skips.first() == (row, source.skips.details[reason])
    assert source.skips.details[reason].startswith(detail)


def test_a_ga4_export(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    columns = {
        "event_timestamp": pyarrow.array([1_735_689_600_000_000, 1_735_689_601_000_000], pyarrow.int64()),
        "event_name": ["purchase", "page_view"],
        "user_id": ["u-1", None],
        "ecommerce": [{"transaction_id": "T-1", "purchase_revenue": 9.5}, None],
        "event_params": [[{"key": "page", "value": {"string_value": "/"}}], []],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    source = FileSource(path)
    ((topic, key, value, occurred_at_s, line),) = source
    assert (topic, key, occurred_at_s, line) == ("purchases", b"u-1", NEW_YEAR_S, 1)
    (decoded,) = Decoder("purchases").decode([value], [key], NEW_YEAR_S).events
    assert (decoded["order_id"], decoded["amount"]) == ("T-1", 9.5)
    assert source.skips.first_lines == {"missing_field": [2]}


def test_parquet_columns_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = view(x=["a"])
    table = pyarrow.table([pyarrow.array(each) for each in (*columns.values(), ["b"])], names=[*columns, "x"])
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(SourceError, match=r"a\.parquet: two columns are named 'x'; rename one, or leave it out"):
        list(FileSource(path))


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = view(type=["page_viewed", "cart_viewed"])
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="none")
    whole = path.read_bytes()
    failed = 0
    for at in range(4, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            list(FileSource(path))
        except SourceError as error:
            failed += str(error).startswith(f"{path}: the file is damaged (")
    assert failed


def test_files_that_are_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("customer_id\n")
    with pytest.raises(SourceError, match=r"a\.parquet: not a Parquet file"):
        list(FileSource(tmp_path / "a.parquet"))
