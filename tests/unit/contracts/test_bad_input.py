"""Tests of bad input: one per kind, each between two valid events that must stay unaffected."""

from __future__ import annotations

import json

import pytest

from stream_seg.contracts.decode import Decoder

NOW = 1_800_000_000.0
GOOD = (
    b'{"event_id":"e-1","customer_id":"c-1","type":"order_completed","occurred_at":"2017-05-09T18:00:31Z",'
    b'"order_id":"o-1","amount":19.99,"currency":"USD","items":2}'
)


def change(old: bytes, new: bytes) -> bytes:
    """Return the valid event with one part replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


def add(more: bytes) -> bytes:
    """Return the valid event with one field added."""
    return GOOD[:-1] + b"," + more + b"}"


BAD: list[tuple[str, bytes | None]] = [
    # not JSON
    ("not_json", b"hello"),
    ("not_json", b""),
    ("not_json", b"  \n "),
    ("not_json", GOOD[:60]),
    ("not_json", GOOD[:16]),
    ("not_json", GOOD[:-1]),
    ("not_json", GOOD + b"}"),
    ("not_json", b"]"),
    ("not_json", GOOD + b"],[" + GOOD),
    ("not_json", b"\xef\xbb\xbf" + GOOD),
    ("not_json", b"\x00\x00\x00\x00\x05" + GOOD[:60]),
    # behind the header of a schema registry, but not JSON
    ("unsupported_format", b"\x00\x00\x00\x00\x05\x06c-1\x06o-1"),
    ("unsupported_format", b"\x03\x00" + b"\x07" * 16 + b"\x06c-1"),
    ("not_json", change(b"19.99", b"9" * 5000)),
    # several values, or parts of values
    ("not_json", GOOD + b"," + GOOD),
    ("not_json", GOOD + b"\n" + GOOD),
    ("not_json", GOOD + b",null," + GOOD),
    ("not_json", b'{"x":[{}'),
    ("not_json", b'{"y":1}]}'),
    ("not_json", b'{"x":1'),
    ("not_json", b'"y":2}'),
    # JSON but not an object
    ("not_an_object", b"[]"),
    ("not_an_object", b"[" + GOOD + b"]"),
    ("not_an_object", b"5"),
    ("not_an_object", b'"order_completed"'),
    ("not_an_object", b"null"),
    ("not_an_object", b"true"),
    # missing or empty ids
    ("missing_field", b"{}"),
    ("missing_field", change(b'"event_id":"e-1",', b"")),
    ("missing_field", change(b'"customer_id":"c-1",', b"")),
    ("missing_field", change(b'"order_id":"o-1",', b"")),
    ("missing_field", change(b'"e-1"', b"null")),
    ("empty_id", change(b'"e-1"', b'""')),
    ("empty_id", change(b'"c-1"', b'""')),
    ("empty_id", change(b'"o-1"', b'""')),
    ("id_too_long", change(b'"e-1"', b'"%b"' % (b"x" * 129))),
    ("id_too_long", change(b'"c-1"', b'"%b"' % (b"x" * 257))),
    # wrong types
    ("wrong_type", change(b'"e-1"', b"true")),
    ("wrong_type", change(b'"c-1"', b"1.5")),
    ("wrong_type", change(b'"o-1"', b"[1]")),
    ("wrong_type", change(b"19.99", b"true")),
    ("wrong_type", change(b'"2017-05-09T18:00:31Z"', b"true")),
    ("wrong_type", change(b'"2017-05-09T18:00:31Z"', b"[]")),
    ("wrong_type", change(b'"order_completed"', b"5")),
    ("wrong_type", change(b'"USD"', b"840")),
    ("wrong_type", change(b'"items":2', b'"items":"two"')),
    ("wrong_type", change(b'"items":2', b'"items":2.5')),
    ("wrong_type", change(b'"items":2', b'"items":[{"price":[1]}]')),
    ("wrong_type", add(b'"properties":[]')),
    ("wrong_type", add(b'"channel":1')),
    # placeholder ids
    ("placeholder_id", change(b'"c-1"', b'"undefined"')),
    ("placeholder_id", change(b'"c-1"', b"0")),
    ("placeholder_id", change(b'"c-1"', b'"  "')),
    ("placeholder_id", change(b'"c-1"', b'" NULL "')),
    ("missing_field", change(b'"o-1"', b'"(not set)"')),
    # text that is not a plain decimal
    ("bad_amount", change(b"19.99", b'"19,99"')),
    ("bad_amount", change(b"19.99", b'"1,234.50"')),
    ("bad_amount", change(b"19.99", b'"19.99 USD"')),
    ("bad_amount", change(b"19.99", b'"1e3"')),
    ("bad_amount", change(b"19.99", b'""')),
    ("bad_amount", change(b"19.99", b'"NaN"')),
    ("bad_amount", change(b'"items":2', b'"items":[{"quantity":"2 pcs"}]')),
    ("bad_amount", add(b'"discount":"5 %"')),
    # negative, NaN, infinite or absurd amounts
    ("amount_out_of_range", change(b"19.99", b"-1e300")),
    ("bad_amount", change(b"19.99", b"NaN")),
    ("bad_amount", change(b"19.99", b"Infinity")),
    ("bad_amount", change(b"19.99", b"-Infinity")),
    ("bad_amount", change(b"19.99", b"1e400")),
    ("bad_amount", change(b'"items":2', b'"items":-2')),
    ("bad_amount", change(b'"items":2', b'"items":[{"quantity":-1000001}]')),
    ("missing_field", change(b'"amount":19.99,', b"")),
    ("missing_field", change(b"19.99", b"null")),
    ("amount_out_of_range", change(b"19.99", b"42949672.96")),
    ("amount_out_of_range", change(b"19.99", b"1e300")),
    ("amount_out_of_range", change(b"19.99", b"1e308")),
    ("amount_out_of_range", change(b"19.99", b"9" * 400)),
    ("amount_out_of_range", add(b'"discount":-%b' % (b"9" * 400))),
    ("amount_out_of_range", change(b"19.99", b"-" + b"9" * 4300)),
    ("bad_amount", change(b'"items":2', b'"items":-%b' % (b"9" * 400))),
    ("bad_amount", change(b'"items":2', b'"items":[{"quantity":-%b}]' % (b"9" * 400))),
    ("amount_out_of_range", change(b'"items":2', b'"items":[{"quantity":1e300}]')),
    # unknown currency code, another currency
    ("unknown_currency", change(b'"USD"', b'"ZZZ"')),
    ("unknown_currency", change(b'"USD"', b'"US"')),
    ("unknown_currency", change(b'"USD"', b'"zzz"')),
    ("currency_without_rate", change(b'"USD"', b'"EUR"')),
    ("currency_without_rate", change(b'"USD"', b'"eur"')),
    # times without offset, in the far future, before 1970
    ("time_without_offset", change(b":31Z", b":31")),
    ("time_without_offset", change(b"T18:00:31Z", b"")),
    ("time_in_future", change(b"2017-", b"2917-")),
    ("time_in_future", change(b'"2017-05-09T18:00:31Z"', b"1494352831000")),
    ("time_in_future", change(b'"2017-05-09T18:00:31Z"', b"9" * 400)),
    ("time_before_1970", change(b"2017-", b"1917-")),
    ("time_before_1970", change(b'"2017-05-09T18:00:31Z"', b"-1")),
    ("time_before_1970", change(b'"2017-05-09T18:00:31Z"', b"-" + b"9" * 4300)),
    ("bad_time", change(b"2017-05-09T18:00:31Z", b"0000-01-01T00:00:00Z")),
    ("bad_time", change(b"2017-05-09T18:00:31Z", b"20170509T180031Z")),
    ("bad_time", change(b"2017-05-09T18:00:31Z", b"yesterday")),
    ("bad_time", change(b"2017-05-09T18:00:31Z", b"20170509")),
    ("bad_time", change(b"T18:00:31Z", b" 18:00:31 CEST")),
    ("bad_time", add(b'"order_at":"yesterday"')),
    ("time_without_offset", change(b"T18:00:31Z", b" 18:00")),
    ("time_in_future", change(b"2017-05-09T18:00:31Z", b"1494352831000")),
    ("bad_time", change(b"2017-05-09T18:00:31Z", b"")),
    ("bad_time", change(b"2017-05-09", b"2017-02-30")),
    ("bad_time", change(b'"2017-05-09T18:00:31Z"', b"NaN")),
    ("missing_field", change(b'"2017-05-09T18:00:31Z"', b"null")),
    # missing type, and unknown types in purchases
    ("empty_id", change(b"order_completed", b"")),
    ("unknown_type", change(b"order_completed", b"order_imagined")),
    ("unknown_type", change(b"order_completed", b"product_viewed")),
    # a key that differs from customer_id
    ("key_mismatch", change(b'"c-1"', b'"c-2"')),
    ("key_mismatch", add(b'"customer_id":"c-2"')),
    # a null value, a 1 MB value
    ("null_value", None),
    ("too_large", add(b'"note":"%b"' % (b"x" * 1_000_000))),
    ("too_large", b"x" * (256 * 1024 + 1)),
    # deep nesting
    ("too_deep", b"[" * 100_000),
    ("too_deep", b"[" * 100_000 + b"]" * 100_000),
    ("too_deep", add(b'"properties":' + b'{"a":' * 300 + b"1" + b"}" * 300)),
    ("too_deep", add(b'"unknown":' + b"[" * 300 + b"]" * 300)),
    # invalid UTF-8
    ("not_utf8", change(b"o-1", b"\xff\xfe")),
    ("not_utf8", add(b'"note":"\xff"')),
    ("not_utf8", add(b'"note":"\xed\xa0\x80"')),
    # lone surrogates
    ("not_json", change(b"o-1", b"\\ud800")),
    ("not_json", change(b"o-1", b"\\udc00")),
    ("not_json", add(b'"note":"\\ud800"')),
]

BAD_PROFILES: list[tuple[str, bytes]] = [
    ("not_supported_yet", b'"type":"alias","previous_id":"c-0"'),
    ("not_supported_yet", b'"type":"consent","purposes":{"ads":true}'),
    ("not_supported_yet", b'"type":"erase"'),
    ("unknown_type", b'"type":"order_completed"'),
    ("missing_field", b'"traits":{}'),
    ("missing_field", b'"type":"identify"'),
    ("wrong_type", b'"type":"identify","traits":[]'),
    ("wrong_type", b'"type":"identify","traits":{"address":{"city":"Bonn"}}'),
    ("bad_amount", b'"type":"identify","traits":{"age":NaN}'),
]


@pytest.mark.parametrize(("reason", "value"), BAD)
def test_a_bad_purchase_does_not_affect_its_neighbors(reason: str, value: bytes | None) -> None:
    decoded = Decoder("purchases").decode([GOOD, value, GOOD], [b"c-1"] * 3, NOW)
    assert [(r.index, r.reason) for r in decoded.rejected] == [(1, reason)]
    assert decoded.indices == [0, 2]
    assert decoded.times == [1494352831.0, 1494352831.0]
    assert decoded.amounts == [1999, 1999]
    assert [event["event_id"] for event in decoded.events] == ["e-1", "e-1"]
    assert decoded.rejected[0].detail.endswith(".")


@pytest.mark.parametrize(("reason", "fields"), BAD_PROFILES)
def test_a_bad_profile_does_not_affect_its_neighbors(reason: str, fields: bytes) -> None:
    common = b'{"event_id":"e-1","customer_id":"c-1","occurred_at":1494352831,'
    good, bad = common + b'"type":"identify","traits":{"age":40}}', common + fields + b"}"
    decoded = Decoder("profiles").decode([good, bad, good], [b"c-1"] * 3, NOW)
    assert [(r.index, r.reason) for r in decoded.rejected] == [(1, reason)]
    assert decoded.indices == [0, 2]
    assert decoded.events[0]["traits"] == {"age": 40}


@pytest.mark.parametrize(
    ("reason", "key"),
    [("missing_key", None), ("key_mismatch", b""), ("key_mismatch", b"c-2"), ("key_mismatch", b"\xff")],
)
def test_a_bad_key_does_not_affect_its_neighbors(reason: str, key: bytes | None) -> None:
    decoded = Decoder("purchases").decode([GOOD, GOOD, GOOD], [b"c-1", key, b"c-1"], NOW)
    assert [(r.index, r.reason) for r in decoded.rejected] == [(1, reason)]
    assert decoded.indices == [0, 2]


def test_the_detail_suggests_plain_text_for_a_json_key() -> None:
    decoded = Decoder("purchases").decode([GOOD], [b'"c-1"'], NOW)
    assert decoded.rejected[0].detail.endswith('the customer_id is "c-1". Write keys as plain text, not as JSON.')


def test_bad_records_in_one_batch_get_the_same_reasons_as_alone() -> None:
    values = [value for _, bad in BAD for value in (GOOD, bad)]
    decoded = Decoder("purchases").decode(values, [b"c-1"] * len(values), NOW)
    assert [(r.index, r.reason) for r in decoded.rejected] == [(2 * i + 1, reason) for i, (reason, _) in enumerate(BAD)]
    assert decoded.indices == list(range(0, len(values), 2))
    assert decoded.amounts == [1999] * len(BAD)


@pytest.mark.parametrize("value", [value for reason, value in BAD if "time" in reason])
def test_the_reason_for_a_bad_time_does_not_depend_on_the_batch(value: bytes) -> None:
    decoder = Decoder("purchases")
    alone, likes, others = ([value], [value] * 3, [GOOD, value, change(b":31Z", b":31.5Z"), value])
    found = [decoder.decode(batch, [b"c-1"] * len(batch), NOW).rejected for batch in (alone, likes, others)]
    assert len({why.reason for rejected in found for why in rejected}) == 1
    assert [len(rejected) for rejected in found] == [1, 3, 2]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (change(b'"c-1"', b'"%b"' % (b"x" * 257)), 'customer_id must have at most 256 characters (it is "xxx'),
        (change(b'"items":2', b'"items":"two"'), 'items must be a whole number or a list (it is "two").'),
        (change(b'"items":2', b'"items":[5]'), "items.0 must be a valid object (it is 5)."),
        (change(b'"order_completed"', b"{}"), "type must be a string, but is a JSON object."),
        (change(b"19.99", b"9" * 400), "amount must be at most 1e308 (it is 999"),
        (change(b"19.99", b"-" + b"9" * 400), "amount must be at most 1e308 (it is 999"),
        (change(b"19.99", b'"25,50"'), 'amount "25,50" is not a plain decimal. Write 1234.5, with a point for'),
        (
            change(b'"o-1"', b'"null"'),
            'order_id is missing: "null" is a placeholder (see the setting PLACEHOLDER_IDS).',
        ),
    ],
)
def test_details_name_the_expected_form(value: bytes, detail: str) -> None:
    decoded = Decoder("purchases").decode([value], [b"c-1"], NOW)
    assert decoded.rejected[0].detail.startswith(detail)


@pytest.mark.parametrize("more", ["[1]", "NaN"])
@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "x" * 300, "\N{SNOWMAN}"])
def test_a_trait_s_name_is_quoted_in_the_detail(name: str, more: str) -> None:
    value = '{"event_id":"e","customer_id":"c-1","occurred_at":0,"type":"identify","traits":{%s:%s}}'
    decoded = Decoder("profiles").decode([(value % (json.dumps(name), more)).encode()], [b"c-1"], NOW)
    detail = decoded.rejected[0].detail
    assert detail.startswith('traits."')
    assert detail.replace("…", "").isascii()
    assert detail.isprintable()
    assert " must " in detail


def test_the_detail_suggests_seconds_for_milliseconds() -> None:
    decoded = Decoder("purchases").decode([change(b'"2017-05-09T18:00:31Z"', b"1494352831000")], [b"c-1"], NOW)
    assert "milliseconds" in decoded.rejected[0].detail


def test_a_time_in_the_future_is_accepted_within_the_slack() -> None:
    event = change(b'"2017-05-09T18:00:31Z"', b"1000")
    decoder = Decoder("purchases", future_slack_s=300.0)
    assert decoder.decode([event], [b"c-1"], 700.0).times == [1000.0]
    assert decoder.decode([event], [b"c-1"], 699.0).rejected[0].reason == "time_in_future"
