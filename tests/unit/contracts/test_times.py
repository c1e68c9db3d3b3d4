"""Times as text and as epoch seconds."""

from __future__ import annotations

import pytest

from stream_seg.contracts.times import MissingOffset, bulk_seconds, parse_rfc3339, rfc3339, rfc3339_ms


def test_text_has_milliseconds_only_where_they_are_not_zero() -> None:
    assert rfc3339(1494352831.0) == "2017-05-09T18:00:31Z"
    assert rfc3339(1494352831.25) == "2017-05-09T18:00:31.250Z"
    assert rfc3339(1494352830.9999) == "2017-05-09T18:00:31Z"
    assert rfc3339(0.0) == "1970-01-01T00:00:00Z"
    assert rfc3339(-0.001) == "1969-12-31T23:59:59.999Z"


def test_text_with_milliseconds_sorts_as_times_do() -> None:
    times = [0.0, 0.001, 0.1, 1.0, 1494352831.0, 1494352831.25, 4102444800.0]
    texts = [rfc3339_ms(t) for t in times]
    assert texts[5] == "2017-05-09T18:00:31.250Z"
    assert texts[4] == "2017-05-09T18:00:31.000Z"
    assert texts == sorted(texts)


@pytest.mark.parametrize("t", [1e15, -1e15, float("inf"), float("nan")])
def test_no_text_for_what_is_no_time(t: float) -> None:
    with pytest.raises(ValueError):
        rfc3339_ms(t)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2017-05-09T18:00:31Z", 1494352831.0),
        ("2017-05-09t18:00:31z", 1494352831.0),
        ("2017-05-09T20:00:31+02:00", 1494352831.0),
        ("2017-05-09T18:00:31.25-00:00", 1494352831.25),
        ("2017-05-09T18:00:31.123456789Z", 1494352831.123456),
        ("1969-12-31T23:59:59Z", -1.0),
    ],
)
def test_text_is_parsed_to_seconds(text: str, seconds: float) -> None:
    assert parse_rfc3339(text) == seconds


def test_a_time_without_offset_is_refused_by_name() -> None:
    for text in ("2017-05-09T18:00:31", "2017-05-09"):
        with pytest.raises(MissingOffset, match="end it with Z"):
            parse_rfc3339(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2017-02-30T00:00:00Z", "1494352831"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


@pytest.mark.parametrize("decimals", ["", ".1", ".25", ".250", ".2501", ".25011", ".250119"])
def test_many_at_once_are_exactly_as_one_by_one(decimals: str) -> None:
    texts = [
        f"1970-01-01T00:00:00{decimals}Z",
        f"2016-02-29T23:59:59{decimals}Z",
        f"2017-05-09T18:00:31{decimals}Z",
        f"2254-12-31T23:59:59{decimals}Z",
    ]
    assert bulk_seconds(texts) == [parse_rfc3339(text) for text in texts]


@pytest.mark.parametrize(
    "odd",
    [
        "2017-05-09T18:00:31",
        "2017-05-09T18:00:3Z",
        "2017-05-09T18:00:60Z",
        "2017-13-09T18:00:31Z",
        "2017-02-29T18:00:31Z",
        "2017-05-09 18:00:31Z",
        "+017-05-09T18:00:31Z",
        " 017-05-09T18:00:31Z",
        "２017-05-09T18:00:1Z",
        "2017-05-09T18:00:31+00:00",
        "2017-05-09T18:00:31.5Z",
        "Z\n2017-05-09T18:00:31",
        "",
    ],
)
def test_many_at_once_leave_what_is_not_of_one_shape_to_parsing_one_by_one(odd: str) -> None:
    assert bulk_seconds(["2017-05-09T18:00:31Z", odd, "2017-05-09T18:00:31Z"]) is None


def test_texts_whose_lengths_only_add_up_are_not_taken_for_rows() -> None:
    assert bulk_seconds(["2017-05-09T18:00:31", "Z2017-05-09T18:00:31Z"]) is None
    assert bulk_seconds(["2017-05-09T18:00:31Z\n2017-05-09T18:00:31Z", ""]) is None


def test_many_at_once_of_none_are_none() -> None:
    assert bulk_seconds([]) == []
