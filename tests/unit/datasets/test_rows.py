"""Rows of CSV files: fields from columns, and skipped rows."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from stream_seg.datasets.files import FileSource
from stream_seg.errors import SourceError
from tests.unit.datasets.test_files import NEW_YEAR_S, events, read, skipped


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
    (skip,) = skipped(tmp_path / "a.csv", text.replace("true", "maybe"))
    assert skip == ("wrong_type", [2], 'a purpose is "maybe"; write true or false.')


def test_rows_of_segment(tmp_path: Path) -> None:
    records = read(
        tmp_path / "segment.csv",
        "userId,timestamp,event,order_id,amount,messageId,sku\n"
        "u-1,1,Order Completed,o-1,12.50,m-1,\n"
        "u-1,2,Order Refunded,o-1,12.50,m-2,\n"
        "u-1,3,Order Canceled,o-1,,m-3,\n"
        "u-1,4,Product Viewed,,,m-4,p-1\n"
        "u-1,5,Gift Wrapped,o-1,,m-5,\n",
    )
    assert [record.topic for record in records] == ["purchases"] * 3 + ["interactions"] * 2
    common = {"customer_id": "u-1"}
    order = {**common, "order_id": "o-1"}
    assert events(records) == [
        {**order, "event_id": "m-1", "occurred_at": 1.0, "type": "order_completed", "amount": 12.5},
        {**order, "event_id": "m-2", "occurred_at": 2.0, "type": "order_refunded", "amount": 12.5},
        {**order, "event_id": "m-3", "occurred_at": 3.0, "type": "order_cancelled"},
        {
            **common, "event_id": "m-4", "occurred_at": 4.0, "type": "product_viewed", "product_id": "p-1",
            "properties": {"sku": "p-1"},
        },
        {**order, "event_id": "m-5", "occurred_at": 5.0, "type": "Gift Wrapped"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "cells", "kind"),
    [
        ("customer_id,event", "c-1,Order Refunded", "order_refunded"),
        ("customer_id,event,type", "c-1,Order Refunded,track", "order_refunded"),
        ("customer_id,event,type", "c-1,Order Refunded,", "order_refunded"),
        ("customer_id,event,type", "c-1,Summer sale,order_refunded", "order_refunded"),
        ("customer_id,event_name", "c-1,refund", "order_refunded"),
        ("customer_id,type", "c-1,Order-Refunded", "order_refunded"),
        ("customer_id,type", "c-1,purchase", "order_completed"),
    ],
)
def test_an_event_name_is_never_taken_for_an_order(tmp_path: Path, columns: str, cells: str, kind: str) -> None:
    (record,) = read(tmp_path / "a.csv", f"{columns},occurred_at,order_id,amount\n{cells},1,o-1,5\n")
    assert record.topic == "purchases"
    assert events([record])[0]["type"] == kind


def test_required_values_of_a_foreign_order_may_be_among_its_properties(tmp_path: Path) -> None:
    text = "customer_id,type,occurred_at,transaction_id,value\nc-1,purchase,1,o-1,5\n"
    (event,) = events(read(tmp_path / "a.csv", text))
    assert (event["order_id"], event["amount"], event["type"]) == ("o-1", 5.0, "order_completed")


def test_an_event_column_of_no_known_kind_is_a_property_or_a_trait(tmp_path: Path) -> None:
    text = "customer_id,occurred_at,order_id,amount,event\nc-1,1,o-1,5,Summer sale\n"
    (order,) = events(read(tmp_path / "a.csv", text, topic="purchases"))
    assert (order["type"], order["properties"]) == ("order_completed", {"event": "Summer sale"})
    text = "userId,timestamp,event\nc-1,1,Order Completed\n"
    (profile,) = events(read(tmp_path / "a.csv", text, topic="profiles"))
    assert (profile["type"], profile["traits"]) == ("identify", {"event": "Order Completed"})


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


def test_rows_keep_their_id_when_others_come_or_go(tmp_path: Path) -> None:
    rows = ["c-1,page_viewed,1", "c-2,page_viewed,2", "c-1,page_viewed,1", "c-3,page_viewed,3"]
    header = "customer_id,type,occurred_at\n"
    one, two, again, three = (each["event_id"] for each in events(read(tmp_path / "a.csv", header + "\n".join(rows))))
    rest = [each["event_id"] for each in events(read(tmp_path / "a.csv", header + "\n".join(rows[2:])))]
    assert rest == [one, three]
    assert len({one, two, again, three}) == 4


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (
            ",order_completed,1,o-1,5",
            "missing_field",
            "no customer_id; purchases need customer_id, occurred_at, order_",
        ),
        ("c-1,order_completed,1,,", "missing_field", "no order_id and no amount; purchases need"),
        ("c-1,order_completed,1,o-1,five", "wrong_type", 'amount is "five"; write a plain number such as 12.50'),
        ("c-1,order_completed,1,o-1,nan", "wrong_type", 'amount is "nan"; write a plain number such as 12.50'),
        (
            "c-1,order_completed,2025-01-01 10:00,o-1,5",
            "bad_time",
            'occurred_at is "2025-01-01 10:00", not a time with',
        ),
        ("c-1,order_completed,1,o-1", "bad_row", "4 cells, but the header has 5"),
        ('c-1,"order"completed,1,o-1,5', "bad_row", "not CSV ("),
        ("c-\xe9,order_completed,1,o-1,5", "not_utf8", "not utf-8; save the file as UTF-8, or name its encoding"),
    ],
)
def test_a_row_that_is_no_event_is_skipped_and_the_others_are_sent(
    tmp_path: Path, row: str, reason: str, detail: str
) -> None:
    path = tmp_path / "a.csv"
    good = "c-1,order_completed,1,o-1,5"
    path.write_bytes(f"customer_id,type,occurred_at,order_id,amount\n{good}\n{row}\n{good}\n".encode("latin-1"))
    source = FileSource(path)
    assert [record.line for record in source] == [2, 4]
    assert source.skips.by_reason == {reason: 1}
    assert source.skips.first() == (3, source.skips.details[reason])
    assert source.skips.details[reason].startswith(detail)


def test_lines_are_those_where_rows_end(tmp_path: Path) -> None:
    text = 'customer_id,type,occurred_at,note\nc-1,page_viewed,1,"a\nb"\n\nc-1,page_viewed,2,\n'
    assert [record.line for record in read(tmp_path / "a.csv", text)] == [3, 5]


def test_interactions_need_a_type(tmp_path: Path) -> None:
    (skip,) = skipped(tmp_path / "a.csv", "customer_id,occurred_at\nc-1,1\n", topic="interactions")
    assert skip == ("missing_field", [2], "no type; interactions need customer_id, occurred_at, type.")


def test_a_refund_needs_no_amount(tmp_path: Path) -> None:
    text = "customer_id,type,occurred_at,order_id\nc-1,order_refunded,1,o-1\n"
    (event,) = events(read(tmp_path / "a.csv", text))
    assert (event["type"], event["order_id"]) == ("order_refunded", "o-1")


def test_rows_of_ga4_go_out_as_its_envelopes(tmp_path: Path) -> None:
    text = (
        "event_timestamp,event_name,user_id,user_pseudo_id,ecommerce,items,platform\n"
        '1735689600000000,purchase,7,p,"{""transaction_id"":""T-1"",""purchase_revenue"":9.5}",'
        '"[{""item_id"":""p-1""}]",WEB\n'
        "1735689601000000,view_item,,p,,,WEB\n"
    )
    path = tmp_path / "ga4.csv"
    path.write_text(text)
    source = FileSource(path)
    (record,) = source
    assert (record.topic, record.key, record.occurred_at_s) == ("purchases", b"7", NEW_YEAR_S)
    assert orjson.loads(record.value) == {
        "event_timestamp": "1735689600000000", "event_name": "purchase", "user_id": "7", "user_pseudo_id": "p",
        "ecommerce": {"transaction_id": "T-1", "purchase_revenue": 9.5}, "items": [{"item_id": "p-1"}],
        "platform": "WEB",
    }  # fmt: skip
    assert source.skips.by_reason == {"missing_field": 1}


def test_two_columns_of_one_name_are_refused_unless_they_have_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.csv: two columns are named 'type'; rename one, or leave it out"):
        read(tmp_path / "a.csv", "customer_id,type,type,occurred_at\nc-1,page_viewed,x,1\n")
    assert len(read(tmp_path / "a.csv", "customer_id,type,occurred_at,,\nc-1,page_viewed,1,,\n")) == 1


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.csv", "\ufeffcustomer_id,type,occurred_at\nc-1,page_viewed,1\n")
    assert record.key == b"c-1"
