"""What is written for source records: which topic, customer, bytes and headers, and dead letters with their reasons."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.mapping import parse_mapping
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.intake.plan import Planner, Written, timestamp_ms
from stream_seg.intake.topics import Destinations

NOW = 1_795_168_860.0
STAMP_MS = 1_795_168_800_000
AT = "2026-11-20T10:00:00Z"

ORDERS = """
[[event]]
type = "order_completed"
when = [{from = "op", is = ["c", "r"]}]
fields = {customer_id = "after.customer", order_id = "after.id", amount = "after.total", occurred_at = "after.at"}

[[event]]
type = "order_cancelled"
when = [{from = "op", is = "d"}]
fields = {customer_id = "before.customer", order_id = "before.id", occurred_at = "before.at", event_id = "before.id"}
"""


class Record(NamedTuple):
    """What of aiokafka's records is looked at."""

    value: bytes | None
    key: bytes | None = None
    topic: str = "shop"
    partition: int = 2
    offset: int = 41
    timestamp: int = STAMP_MS


def call(**more: Any) -> dict[str, Any]:
    """A Segment call."""
    properties = {"order_id": "o-1", "revenue": "25.50", "currency": "USD"}
    order = {"type": "track", "event": "Order Completed", "messageId": "m-1", "userId": "u-1", "timestamp": AT}
    return {**order, "properties": properties, **more}


def planner(**mappings: str) -> Planner:
    """A planner with mappings by topic; `every` is for all topics."""
    parsed = {"" if topic == "every" else topic: parse_mapping(text, "m.toml") for topic, text in mappings.items()}
    return Planner(Placeholders(), parsed, lambda: NOW)


def plan(value: object, by: Planner | None = None, **more: Any) -> list[Written]:
    """The plan of a record with this JSON, or with these bytes."""
    content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return (by or planner()).plan(Record(content, **more))


def headers(written: Written) -> dict[str, str]:
    """Headers as text."""
    return {name: value.decode() for name, value in written.message[2]}


def events(written: list[Written]) -> list[Any]:
    """What a worker reads; every record must be an event of its topic, with the customer as its key."""
    found = []
    for each in written:
        key, value, _ = each.message
        assert key == each.customer
        decoded = Decoder(each.topic).decode([value], [key], NOW)
        assert decoded.rejected == []
        found += decoded.events
    return found


def test_a_record_keeps_its_bytes_and_names_its_source() -> None:
    content = json.dumps(call(), indent=1).encode()
    (written,) = plan(content, key=b"whatever")
    assert written == Written(
        "purchases",
        b"u-1",
        (b"u-1", content, [("source_topic", b"shop"), ("source_partition", b"2"), ("source_offset", b"41")]),
    )


def test_the_header_of_a_schema_registry_is_left_out() -> None:
    content = json.dumps(call()).encode()
    (written,) = plan(b"\0\0\0\0\x07" + content)
    assert written.message[:2] == (b"u-1", content)


@pytest.mark.parametrize(
    ("value", "topic", "customer"),
    [
        (call(), "purchases", b"u-1"),
        (call(userId=7), "purchases", b"7"),
        (call(event="Product Viewed"), "interactions", b"u-1"),
        ({**call(), "type": "page"}, "interactions", b"u-1"),
        ({**call(), "type": "identify", "traits": {"age": 3}}, "profiles", b"u-1"),
        ({"event_id": "e", "customer_id": "é", "type": "view", "occurred_at": AT}, "interactions", "é".encode()),
    ],
)  # fmt: skip
def test_where_records_go(value: object, topic: str, customer: bytes) -> None:
    (written,) = plan(value)
    assert (written.topic, written.customer) == (topic, customer)
    events([written])


def test_a_batch_becomes_a_record_for_each_call_and_a_bad_one_costs_only_itself() -> None:
    calls = [call(messageId="m-1"), call(messageId="m-2", userId=None), call(messageId="m-3", event="Cart Viewed")]
    written = plan({"batch": calls, "sentAt": AT}, key=b"k")
    assert [each.topic for each in written] == ["purchases", "dead-letters", "interactions"]
    assert [headers(each)["source_member"] for each in written] == ["0", "1", "2"]
    assert [headers(each)["source_offset"] for each in written] == ["41"] * 3
    assert [event["event_id"] for event in events([written[0], written[2]])] == ["m-1", "m-3"]
    letter = written[1]
    assert (letter.customer, letter.reason, letter.message[0]) == (None, "missing_field", b"k")
    # Sent again it is a call of its own, so that nothing is counted twice.
    assert plan(letter.message[1])[0].reason == "missing_field"
    again = {**json.loads(letter.message[1] or b""), "userId": "u-2"}
    (mended,) = plan(again)
    assert events([mended])[0]["event_id"] == "m-2"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b"[" * 5000, "too_deep"),
        (b"7", "not_an_object"),
        (b"[]", "missing_field"),
        (b"\0\0\0\0\x07\x02\x08avro", "unsupported_format"),
        ({"batch": []}, "missing_field"),
        ({"hello": 1}, "missing_field"),
        (call(userId="undefined"), "placeholder_id"),
        (call(userId="x" * 300), "id_too_long"),
        (call(properties={"order_id": "o", "revenue": "25,50"}), "bad_amount"),
        ({**call(), "note": "x" * 300_000}, "too_large"),
        ({"op": "c", "after": {"id": 1}, "source": {"table": "orders"}}, "unsupported_format"),
    ],
)
def test_dead_letters(value: object, reason: str) -> None:
    content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    (written,) = plan(value, key=b"k")
    said = headers(written)
    assert (written.topic, written.customer, written.reason) == ("dead-letters", None, reason)
    assert written.message[:2] == (b"k", content)
    assert (said["reason"], said["source_topic"], said["source_partition"], said["source_offset"]) == (
        reason, "shop", "2", "41",
    )  # fmt: skip
    assert said["rejected_at"] == "2026-11-20T10:01:00.000Z"
    assert said["detail"]


def test_rows_become_events_by_the_mapping_of_their_topic() -> None:
    row = {"op": "c", "ts_ms": 1, "after": {"id": 7, "customer": 12, "total": "19.90", "at": AT}}
    by = planner(shop=ORDERS)
    (written,) = plan(row, by)
    (event,) = events([written])
    assert (event["customer_id"], event["order_id"], event["amount"]) == ("12", "7", 19.9)
    assert plan(row, by, topic="other")[0].reason == "unsupported_format"
    (wrapped,) = plan({"schema": {"type": "struct"}, "payload": row}, planner(every=ORDERS), topic="other")
    assert wrapped.message[1] == written.message[1]


def test_a_row_without_an_id_gets_the_same_one_each_time() -> None:
    row = {"op": "c", "after": {"id": 7, "customer": 12, "total": "19.90", "at": AT}}
    by = planner(shop=ORDERS)
    assert plan(row, by, offset=41)[0].message[1] == plan(row, by, offset=99)[0].message[1]
    other = {"op": "c", "after": {**row["after"], "id": 8}}  # type: ignore[dict-item]
    assert events(plan(row, by))[0]["event_id"] != events(plan(other, by))[0]["event_id"]


def test_rows_that_no_table_takes_and_tombstones_are_left_out() -> None:
    by = planner(shop=ORDERS)
    assert plan({"op": "u", "after": {"id": 7}}, by) == []
    assert plan(None, by) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "not_json"),
        ([1], "not_an_object"),
        ({"op": "c", "after": {"id": 7, "total": "1", "at": AT}}, "missing_field"),
        ({"op": "c", "after": {"id": 7, "customer": "guest", "total": "1", "at": AT}}, "placeholder_id"),
        ({"op": "c", "after": {"id": 7, "customer": 1, "total": "1,5", "at": AT}}, "wrong_type"),
    ],
)
def test_rows_that_cannot_be_read_are_dead_letters(value: object, reason: str) -> None:
    (written,) = plan(value, planner(shop=ORDERS))
    assert written.reason == reason


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [(STAMP_MS, STAMP_MS), (-1, int(NOW * 1000)), (int(NOW * 1000) + 9_000_000, int(NOW * 1000) + 300_000)],
)
def test_timestamps_are_the_source_s_unless_kafka_would_refuse_them(stamp: int, wanted: int) -> None:
    assert timestamp_ms(Record(b"", timestamp=stamp), int(NOW * 1000)) == wanted


def test_customers_decide_the_partition_and_letters_keep_theirs() -> None:
    names = {name: f"t.{name}" for name in ("purchases", "interactions", "profiles", "dead-letters")}
    to = Destinations(names, {**dict.fromkeys(names, 8), "dead-letters": 2})
    record = Record(b"x", partition=5)
    orders = [plan(call(userId=user, messageId=f"m-{n}"))[0] for n, user in enumerate(["21", "foobar", "21"])]
    (letter,) = plan(b"{", partition=5)
    placed = to.placed([(each, record, n) for n, each in enumerate([*orders, letter])])
    # Kafka's own tests say what murmur2 makes of these keys.
    partitions = {"21": (-973932308 & 0x7FFFFFFF) % 8, "foobar": (-790332482 & 0x7FFFFFFF) % 8}
    assert {(tp.topic, tp.partition): [stamp for _, stamp in messages] for tp, messages in placed.items()} == {
        ("t.purchases", partitions["21"]): [0, 2],
        ("t.purchases", partitions["foobar"]): [1],
        ("t.dead-letters", 1): [3],
    }
