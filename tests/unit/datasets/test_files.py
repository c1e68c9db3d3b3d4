"""Files as sources: what goes out, where it goes, and what the errors say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from operator import length_hint
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import pytest

from stream_seg.datasets import SourceError, SourceRecord
from stream_seg.datasets.files import FileSource

NEW_YEAR_S = 1_735_689_600.0  # 2025-01-01T00:00:00Z


def read(path: Path, text: str, topic: str | None = None, key_field: str | None = None) -> list[SourceRecord]:
    path.write_bytes(text.encode())
    return list(FileSource(path, topic, key_field))


def events(records: list[SourceRecord]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records]


# JSON lines


def test_json_lines_go_out_as_they_are(tmp_path: Path) -> None:
    line = '{ "customer_id": "c-1",  "type":"page_viewed", "occurred_at":"2025-01-01T00:00:00Z", "extra": [1, 2.50] }'
    (record,) = read(tmp_path / "a.jsonl", f"{line}\r\n\r\n")
    assert record == SourceRecord("interactions", b"c-1", line.encode(), NEW_YEAR_S)


def test_a_segment_envelope(tmp_path: Path) -> None:
    line = (
        '{"messageId":"m-1","userId":"u-1","type":"track","event":"Order Completed",'
        '"timestamp":"2025-01-01T01:00:00+01:00"}'
    )
    (record,) = read(tmp_path / "a.ndjson", line)
    assert (record.topic, record.key, record.occurred_at_s) == ("purchases", b"u-1", NEW_YEAR_S)


@pytest.mark.parametrize(
    ("fields", "topic"),
    [
        ('"type":"order_refunded"', "purchases"),
        ('"order_id":"o-1"', "purchases"),
        ('"type":"alias"', "profiles"),
        ('"type":"track","event":"Product Viewed"', "interactions"),
        ('"type":"anything_else"', "interactions"),
        ('"type":"anything_else","topic":"profiles"', "profiles"),
    ],
)
def test_the_topic_follows_from_the_event(tmp_path: Path, fields: str, topic: str) -> None:
    (record,) = read(tmp_path / "a.jsonl", f'{{"customer_id":"c-1","occurred_at":1,{fields}}}')
    assert record.topic == topic


def test_the_topic_of_the_file_wins(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.jsonl", '{"customer_id":"c-1","type":"alias"}', topic="interactions")
    assert record.topic == "interactions"


def test_a_time_that_is_no_good_is_left_to_the_worker_and_paced_like_the_one_before(tmp_path: Path) -> None:
    lines = [
        '{"customer_id":"c-1","type":"page_viewed","occurred_at":100.5}',
        '{"customer_id":"c-1","type":"page_viewed","occurred_at":"yesterday"}',
        '{"customer_id":"c-1","type":"page_viewed"}',
    ]
    assert [record.occurred_at_s for record in read(tmp_path / "a.jsonl", "\n".join(lines))] == [100.5, 100.5, 100.5]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{not json", "line 2: not JSON"),
        ("[1]", "line 2: JSON, but not an object; write one JSON object a line"),
        ('{"type":"page_viewed"}', "line 2: customer_id or userId is missing; every event needs its customer's id"),
        ('{"type":"page_viewed","customer_id":7}', "line 2: customer_id or userId is 7; every event needs"),
        ('{"customer_id":"c-1"}', "line 2: no type, so the topic is not known; add a `type` or `topic`"),
        ('{"customer_id":"c-1","topic":"orders"}', "line 2: topic is 'orders'; write one of purchases, interactions"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, line: str, error: str) -> None:
    with pytest.raises(SourceError) as raised:
        read(tmp_path / "a.jsonl", f'{{"customer_id":"c-1","type":"page_viewed"}}\n{line}\n')
    assert str(raised.value).startswith(f"{tmp_path / 'a.jsonl'}, {error}")


# CSV


def test_columns_are_fields_and_the_others_properties(tmp_path: Path) -> None:
    records = read(
        tmp_path / "orders.csv",
        "event_id,customer_id,order_id,amount,items,occurred_at,channel,store_size\n"
        "e-1,c-1,o-1,12.50,3,2025-01-01T00:00:00Z,,large\n"
        'e-2,c-2,o-2,7,"[{""category"":""toys"",""quantity"":2}]",1735689600,web,\n',
    )
    assert [(record.topic, record.key, record.occurred_at_s) for record in records] == [
        ("purchases", b"c-1", NEW_YEAR_S),
        ("purchases", b"c-2", NEW_YEAR_S),
    ]
    assert events(records) == [
        {
            "event_id": "e-1", "customer_id": "c-1", "order_id": "o-1", "amount": 12.5, "items": 3,
            "occurred_at": "2025-01-01T00:00:00Z", "properties": {"store_size": "large"}, "type": "order_completed",
        },
        {
            "event_id": "e-2", "customer_id": "c-2", "order_id": "o-2", "amount": 7.0,
            "items": [{"category": "toys", "quantity": 2}], "occurred_at": 1735689600.0, "channel": "web",
            "type": "order_completed",
        },
    ]  # fmt: skip


def test_columns_of_profiles_are_traits(tmp_path: Path) -> None:
    (record,) = read(
        tmp_path / "people.csv",
        "userId,timestamp,age,properties.source\nc-1,2025-01-01T00:00:00Z,25-34,crm\n",
        topic="profiles",
    )
    (event,) = events([record])
    event_id = event.pop("event_id")
    assert event == {
        "customer_id": "c-1",
        "occurred_at": "2025-01-01T00:00:00Z",
        "type": "identify",
        "traits": {"age": "25-34"},
        "properties": {"source": "crm"},
    }
    assert len(event_id) == 24


def test_purposes_are_true_or_false(tmp_path: Path) -> None:
    text = "customer_id,type,occurred_at,purposes.marketing,purposes.research\nc-1,consent,1,true,False\n"
    (record,) = read(tmp_path / "a.csv", text)
    assert events([record])[0]["purposes"] == {"marketing": True, "research": False}
    with pytest.raises(SourceError, match="line 2: a purpose is 'maybe'; write true or false"):
        read(tmp_path / "a.csv", text.replace("true", "maybe"))


def test_a_key_field_is_the_customer(tmp_path: Path) -> None:
    (record,) = read(
        tmp_path / "a.csv", "household,customer_id,type,occurred_at\nh-1,x,page_viewed,1\n", key_field="household"
    )
    assert record.key == b"h-1"
    assert events([record])[0]["properties"] == {"customer_id": "x"}


def test_rows_without_event_id_get_the_same_one_every_time_and_no_two_rows_the_same(tmp_path: Path) -> None:
    text = "customer_id,type,occurred_at\nc-1,page_viewed,1\nc-1,page_viewed,1\n"
    once = [event["event_id"] for event in events(read(tmp_path / "a.csv", text))]
    again = [event["event_id"] for event in events(read(tmp_path / "b.csv", text))]
    assert once == again
    assert len(set(once)) == 2


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (",order_completed,1,o-1,5", "no customer_id; purchases need customer_id, occurred_at, type, order_id, amount"),
        ("c-1,order_completed,1,,", "no order_id and no amount; purchases need"),
        ("c-1,order_completed,1,o-1,five", "amount is 'five'; write a plain number such as 12.50"),
        ("c-1,order_completed,1,o-1,nan", "amount is 'nan'; write a plain number such as 12.50"),
        ("c-1,order_completed,2025-01-01 10:00,o-1,5", "occurred_at is '2025-01-01 10:00', not a time with offset;"),
        ("c-1,order_completed,1,o-1", "4 cells, but the header has 5"),
        ('c-1,"order"completed,1,o-1,5', "not CSV ("),
    ],
)
def test_a_bad_row_names_file_and_line(tmp_path: Path, row: str, error: str) -> None:
    with pytest.raises(SourceError) as raised:
        read(tmp_path / "a.csv", f"customer_id,type,occurred_at,order_id,amount\n{row}\n")
    assert str(raised.value).startswith(f"{tmp_path / 'a.csv'}, line 2: {error}")


def test_interactions_need_to_say_what_happened(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 2: no type; interactions need customer_id, occurred_at, type"):
        read(tmp_path / "a.csv", "customer_id,occurred_at\nc-1,1\n", topic="interactions")


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("customer_id,type,occurred_at\nJosé,page_viewed,1\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"a\.csv, line \d: not UTF-8 .*; save the file as UTF-8"):
        list(FileSource(tmp_path / "a.csv"))


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.csv", "\ufeffcustomer_id,type,occurred_at\nc-1,page_viewed,1\n")
    assert record.key == b"c-1"


# Parquet


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


def test_parquet_times_without_zone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"customer_id": ["c-1"], "type": ["page_viewed"], "occurred_at": [datetime(2025, 1, 1)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    with pytest.raises(SourceError, match=r"a\.parquet, row 1: occurred_at is '2025-01-01 00:00:00', not a time with"):
        list(FileSource(path))


def test_what_is_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("customer_id\n")
    with pytest.raises(SourceError, match=r"a\.parquet: not a Parquet file"):
        list(FileSource(tmp_path / "a.parquet"))


# All


def test_an_unknown_topic(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="topic 'orders' is not an input topic; give one of purchases, interactions"):
        read(tmp_path / "a.csv", "", topic="orders")


def test_how_many_events_a_file_has_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert length_hint(FileSource(tmp_path / "a.csv"), -1) == -1
