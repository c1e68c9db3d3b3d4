"""Files as sources: records, their topics, and skipped rows."""

from __future__ import annotations

from operator import length_hint
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream_seg.contracts.decode import Decoder
from stream_seg.datasets import SourceRecord
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.record import UNKNOWN_TIME_S
from stream_seg.errors import SourceError

NEW_YEAR_S = 1_735_689_600.0  # 2025-01-01T00:00:00Z


def read(path: Path, text: str, topic: str | None = None, key_field: str | None = None) -> list[SourceRecord]:
    path.write_bytes(text.encode())
    return list(FileSource(path, topic, key_field))


def skipped(
    path: Path, text: str, topic: str | None = None, key_field: str | None = None
) -> list[tuple[str, list[int], str]]:
    """Return reason, first lines and first explanation for the rows of a file without events."""
    path.write_bytes(text.encode())
    source = FileSource(path, topic, key_field)
    assert list(source) == []
    return [(reason, source.skips.first_lines[reason], source.skips.details[reason]) for reason in source.skips.details]


def events(records: list[SourceRecord]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records]


def test_json_lines_go_out_as_they_are(tmp_path: Path) -> None:
    line = '{ "customer_id": "c-1",  "type":"page_viewed", "occurred_at":"2025-01-01T00:00:00Z", "extra": [1, 2.50] }'
    (record,) = read(tmp_path / "a.jsonl", f"{line}\r\n\r\n")
    assert record == SourceRecord("interactions", b"c-1", line.encode(), NEW_YEAR_S, 1)


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
        ('"type":"purchase"', "purchases"),
        ('"type":"refund"', "purchases"),
        ('"type":"order_canceled"', "purchases"),
        ('"type":"Identify"', "profiles"),
        ('"messageId":"m-1","event":"Order Canceled"', "purchases"),
        ('"messageId":"m-1","event":"Order-Completed"', "purchases"),
        ('"messageId":"m-1","type":"track","event":"order refunded"', "purchases"),
        ('"messageId":"m-1","type":"track","event":"Gift Wrapped","order_id":"o-1"', "interactions"),
        ('"messageId":"m-1","type":"page"', "interactions"),
        ('"messageId":"m-1","type":"identify"', "profiles"),
        ('"event_name":"refund"', "purchases"),
        ('"event_name":"add_to_cart"', "interactions"),
        # A worker rejects these, so that the dead letter is in the topic where the money is missing.
        ('"type":"track","event":"Order Completed"', "purchases"),
        ('"anonymousId":"a-1","event":"Order Completed","customer_id":null,"userId":"u-1"', "purchases"),
        # The `type` of a native event decides, whatever else the event holds.
        ('"type":"order_completed","event":"Summer sale"', "purchases"),
        ('"order_id":"o-1","event":"Order Completed"', "purchases"),
    ],
)
def test_the_topic_follows_from_the_event(tmp_path: Path, fields: str, topic: str) -> None:
    (record,) = read(tmp_path / "a.jsonl", f'{{"customer_id":"c-1","occurred_at":1,{fields}}}')
    assert record.topic == topic


def test_a_refund_in_others_words_goes_to_the_purchases(tmp_path: Path) -> None:
    line = '{"event_id":"e-1","customer_id":"c-1","event":"Order Refunded","order_id":"o-1","amount":5,"occurred_at":1}'
    (record,) = read(tmp_path / "a.jsonl", line)
    assert record.topic == "purchases"
    decoded = Decoder("purchases").decode([record.value], [record.key], NEW_YEAR_S)
    assert decoded.events[0]["type"] == "order_refunded"


def test_events_of_ga4(tmp_path: Path) -> None:
    lines = [
        '{"event_name":"purchase","event_timestamp":"1735689600500000","user_id":"u-1","params":{"value":5}}',
        '{"event_name":"view_item","timestamp_micros":1735689601000000,"user_id":"u-2","user_pseudo_id":"p"}',
    ]
    one, two = read(tmp_path / "ga4.jsonl", "\n".join(lines))
    assert one == SourceRecord("purchases", b"u-1", lines[0].encode(), NEW_YEAR_S + 0.5, 1)
    assert two == SourceRecord("interactions", b"u-2", lines[1].encode(), NEW_YEAR_S + 1, 2)


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


def test_times_before_the_first_that_is_known_are_not_known(tmp_path: Path) -> None:
    lines = [
        '{"customer_id":"c-1","type":"page_viewed","occurred_at":"yesterday"}',
        '{"userId":"u-1","event":"Product Viewed","originalTimestamp":"2025-01-01T00:00:00z"}',
        '{"userId":"u-1","event":"Product Viewed"}',
    ]
    times = [record.occurred_at_s for record in read(tmp_path / "a.jsonl", "\n".join(lines))]
    assert times == [UNKNOWN_TIME_S, NEW_YEAR_S, NEW_YEAR_S]


def test_an_epoch_of_zero_is_a_time(tmp_path: Path) -> None:
    lines = [f'{{"customer_id":"c-1","type":"page_viewed","occurred_at":{at}}}' for at in (100, 0)]
    assert [record.occurred_at_s for record in read(tmp_path / "a.jsonl", "\n".join(lines))] == [100.0, 0.0]


def test_nesting_that_no_worker_reads_is_left_to_it(tmp_path: Path) -> None:
    traits = '{"a":' * 1_000 + "1" + "}" * 1_000
    (record,) = read(tmp_path / "a.jsonl", f'{{"userId":"u-1","type":"identify","traits":{traits}}}')
    assert (record.topic, record.key) == ("profiles", b"u-1")


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ("{not json", "not_json", "not JSON ("),
        ('{"customer_id":"\xff"}', "not_utf8", "Byte 16 is not UTF-8; save the file as UTF-8."),
        ("[1]", "not_an_object", "JSON, but not an object; write one JSON object per line."),
        ('{"type":"page_viewed"}', "missing_field", "customer_id (Segment's userId, GA4's user_id) is missing; every"),
        ('{"type":"page_viewed","user_id":"u-1"}', "missing_field", "customer_id (Segment's userId, GA4's user_id) is"),
        (
            '{"type":"page_viewed","customer_id":""}',
            "empty_id",
            "customer_id (Segment's userId, GA4's user_id) is empty",
        ),
        (
            '{"type":"page_viewed","customer_id":true}',
            "wrong_type",
            "customer_id (Segment's userId, GA4's user_id) is tr",
        ),
        (
            '{"type":"page_viewed","customer_id":["c"]}',
            "wrong_type",
            "customer_id (Segment's userId, GA4's user_id) is [",
        ),
        (
            '{"customer_id":"c-1"}',
            "missing_field",
            "type is missing, so the topic is not known: add a `type` or `topic`",
        ),
        ('{"customer_id":"c-1","topic":"orders"}', "unknown_type", 'topic is "orders"; write one of purchases, inter'),
    ],
)
def test_a_line_that_is_no_event_is_skipped_and_the_others_are_sent(
    tmp_path: Path, line: str, reason: str, detail: str
) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"customer_id":"c-1","type":"page_viewed"}'
    path.write_bytes(f"{good}\n{line}\n{good}\n{line}\n".encode("latin-1"))
    source = FileSource(path)
    assert [record.line for record in source] == [1, 3]
    assert source.skips.by_reason == {reason: 2}
    assert source.skips.first_lines == {reason: [2, 4]}
    assert source.skips.details[reason].startswith(detail)
    assert source.skips.first() == (2, source.skips.details[reason])


@pytest.mark.parametrize(
    ("said", "key"), [("7", b"7"), ("7.0", b"7"), ("-3", b"-3"), ("12345678901234567", b"12345678901234567")]
)
def test_a_customer_id_that_is_a_number_becomes_text(tmp_path: Path, said: str, key: bytes) -> None:
    (record,) = read(tmp_path / "a.jsonl", f'{{"userId":{said},"event":"Product Viewed","messageId":"m-1"}}')
    assert record.key == key
    assert orjson.loads(record.value) == {"userId": key.decode(), "event": "Product Viewed", "messageId": "m-1"}


def test_a_worker_reads_the_customer_of_a_key_field_in_json_lines(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.jsonl", '{"visitor":"v-1","type":"page_viewed"}', key_field="visitor")
    assert record.key == b"v-1"
    assert orjson.loads(record.value) == {"visitor": "v-1", "type": "page_viewed", "customer_id": "v-1"}


def test_skips_are_counted_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("[]\n")
    source = FileSource(path)
    assert [list(source), list(source)] == [[], []]
    assert len(source.skips) == 1


def test_an_unknown_topic(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="topic 'orders' is not an input topic; give one of purchases, interactions"):
        read(tmp_path / "a.csv", "", topic="orders")


def test_how_many_events_a_file_has_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert length_hint(FileSource(tmp_path / "a.csv"), -1) == -1
