"""Tests of times as text and as epoch seconds."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_seg.contracts.times import (
    EPOCH,
    FormattedTimes,
    MissingOffset,
    bulk_seconds,
    parse_rfc3339,
    rfc3339,
    rfc3339_ms,
    with_ms,
)


def test_text_has_milliseconds_only_if_they_are_not_zero() -> None:
    assert rfc3339(1494352831.0) == "2017-05-09T18:00:31Z"
    assert rfc3339(1494352831.25) == "2017-05-09T18:00:31.250Z"
    assert rfc3339(1494352830.9999) == "2017-05-09T18:00:31Z"
    assert rfc3339(0.0) == "1970-01-01T00:00:00Z"
    assert rfc3339(-0.001) == "1969-12-31T23:59:59.999Z"


def test_texts_with_milliseconds_sort_like_times() -> None:
    times = [0.0, 0.001, 0.1, 1.0, 1494352831.0, 1494352831.25, 4102444800.0]
    texts = [rfc3339_ms(t) for t in times]
    assert texts[5] == "2017-05-09T18:00:31.250Z"
    assert texts[4] == "2017-05-09T18:00:31.000Z"
    assert texts == sorted(texts)


seconds = st.floats(-62_135_596_800.0, 253_402_300_799.0) | st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)


@given(st.lists(seconds, max_size=20))
@example([0.0005, 0.0015, 0.0025, -0.0005])  # halves of a millisecond go to the even one
@example([-62_135_596_800.0, 253_402_300_799.999])
def test_times_formatted_in_bulk_equal_those_formatted_one_by_one(times: list[float]) -> None:
    texts = FormattedTimes(np.array(times, np.float64))
    assert len(texts) == len(set(times))
    assert [texts[t] for t in times] == [rfc3339(t) for t in times]
    assert [with_ms(texts[t]) for t in times] == [rfc3339_ms(t) for t in times]


def test_other_times_are_formatted_on_demand_and_invalid_ones_are_skipped() -> None:
    texts = FormattedTimes(np.array([1.0, np.inf, -np.inf, np.nan, 1e15]))
    assert dict(texts) == {1.0: "1970-01-01T00:00:01Z"}
    assert texts[1494352831.25] == "2017-05-09T18:00:31.250Z"
    with pytest.raises(ValueError):
        texts[np.inf]


@pytest.mark.parametrize("t", [1e15, -1e15, float("inf"), float("nan")])
def test_an_invalid_time_has_no_text(t: float) -> None:
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
        ("2017-05-09 18:00:31Z", 1494352831.0),
        ("2017-05-09T18:00:31.5z", 1494352831.5),
        ("2017-05-10T17:59:31+23:59", 1494352831.0),
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("2016-12-31T23:59:60.25Z", 1483228800.25),
        ("2017-01-01T05:29:60+05:30", 1483228800.0),
    ],
)
def test_text_is_parsed_to_seconds(text: str, seconds: float) -> None:
    assert parse_rfc3339(text) == seconds


def test_a_time_without_offset_has_its_own_error() -> None:
    for text in ("2017-05-09T18:00:31", "2017-05-09"):
        with pytest.raises(MissingOffset, match="such as Z or"):
            parse_rfc3339(text)


def test_a_long_time_without_offset_is_cut_in_the_error() -> None:
    with pytest.raises(MissingOffset) as fault:
        parse_rfc3339("2017-05-09T18:00:31." + "0" * 5_000)
    assert len(str(fault.value)) < 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1494352831",
        "2017-02-30",
        "2017-02-30T00:00:00Z",
        "2017-13-09T18:00:31Z",
        "0000-01-01T00:00:00Z",
        # in ISO 8601, but not in RFC 3339
        "20170509T180031Z",
        "2017-W19-2",
        "2017-W19-2T18:00:31Z",
        "2017-05-09T18Z",
        "2017-05-09T18:00Z",
        "2017-05-09T18:00:31,5Z",
        "2017-05-09T24:00:00Z",
        "2017-05-09T18:00:31+05",
        "2017-05-09T18:00:31+0530",
        "2017-05-09T18:00:31+05:30:15",
        # in neither
        "2017-05-09T18:00:31.Z",
        "2017-05-09T18:00:31 Z",
        "2017-05-09T18:00:31Z\n",
        "2017-05-09T18:00:31+05:60",
        "2017-05-09T18:00:31+24:00",
        "2017-05-09x18:00:31Z",
        "2017-05-09\N{SNOWMAN}18:00:31Z",
        "\N{FULLWIDTH DIGIT TWO}017-05-09T18:00:31Z",
        # not leap seconds
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:58:60Z",
        "2016-12-31T22:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "9999-12-31T23:59:60Z",
    ],
)
def test_an_invalid_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as fault:
        parse_rfc3339(text)
    assert not isinstance(fault.value, MissingOffset)


_ODD = [
    "2017-05-09T18:00:31",
    "2017-05-09T18:00:3Z",
    "2017-05-09T18:00:31.Z",
    "2017-05-09T18:00:60Z",
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "1683-01-01T00:00:00.000001Z",
    "2256-01-01T00:00:00.000001Z",
    "2017-13-09T18:00:31Z",
    "2017-02-29T18:00:31Z",
    "2017-05-09T24:00:00Z",
    "2017-05-09 18:00:31Z",
    "+017-05-09T18:00:31Z",
    " 017-05-09T18:00:31Z",
    "２017-05-09T18:00:1Z",
    "2017-05-09T18:00:31+02:00",
    "2017-05-09T18:00:31-00:00",
    "2017-05-09T18:00:31.1234567Z",
    "Z\n2017-05-09T18:00:31",
    "",
]


@given(
    st.from_regex(
        r"[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,6})?(Z|[+]00:00)",
        fullmatch=True,
    )
)
@example("1000-01-01T00:00:00.00001Z")
def test_texts_parsed_in_bulk_give_the_same_times_as_one_by_one(text: str) -> None:
    found = bulk_seconds([text] * 8)
    assert found in ([None] * 8, [_alone(text)] * 8)


@given(st.integers(-9_007_199_254_000_000, 9_007_199_254_000_000), st.integers(1, 6))
def test_bulk_parsing_reads_all_times_that_floats_hold_to_the_microsecond(us: int, decimals: int) -> None:
    moment = EPOCH + timedelta(microseconds=us // 10 ** (6 - decimals) * 10 ** (6 - decimals))
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[: 20 + decimals]
    for whole in (f"{text}Z", f"{text}+00:00"):
        assert bulk_seconds([whole] * 8) == [parse_rfc3339(whole)] * 8


@pytest.mark.parametrize("ending", ["Z", "+00:00"])
@pytest.mark.parametrize("decimals", ["", ".1", ".25", ".250", ".2501", ".25011", ".250119"])
def test_bulk_parsing_is_as_exact_as_parsing_one_by_one(decimals: str, ending: str) -> None:
    texts = [
        f"1970-01-01T00:00:00{decimals}{ending}",
        f"2016-02-29T23:59:59{decimals}{ending}",
        f"2017-05-09T18:00:31{decimals}{ending}",
        f"2254-12-31T23:59:59{decimals}{ending}",
    ] * 2
    assert bulk_seconds(texts) == [parse_rfc3339(text) for text in texts]


def test_bulk_parsing_accepts_mixed_numbers_of_decimals() -> None:
    texts = [f"2017-05-09T18:00:{at:02d}{decimals}Z" for at in range(20) for decimals in ("", ".5", ".25", ".000001")]
    assert bulk_seconds(texts) == [parse_rfc3339(text) for text in texts]


@pytest.mark.parametrize("odd", _ODD)
def test_bulk_parsing_leaves_out_other_forms(odd: str) -> None:
    others = ["2017-05-09T18:00:31.25Z"] * 8
    assert bulk_seconds([*others[:5], odd, *others[5:]]) in (
        [1494352831.25] * 5 + [None] + [1494352831.25] * 3,  # the only text of its length
        [None] * 9,
    )
    assert bulk_seconds([odd] * 8) == [None] * 8


def test_texts_with_newlines_are_not_split_into_rows() -> None:
    assert bulk_seconds(["2017-05-09T18:00:31", "Z2017-05-09T18:00:31Z"] * 8) == [None] * 16
    assert bulk_seconds(["2017-05-09T18:00:31Z\n2017-05-09T18:00:31Z", ""] * 8) == [None] * 16


def test_few_are_parsed_one_by_one() -> None:
    assert bulk_seconds(["2017-05-09T18:00:31Z"] * 7) == [None] * 7
    assert bulk_seconds([]) == []


def test_bulk_parsing_refuses_values_that_are_not_text() -> None:
    with pytest.raises(TypeError):
        bulk_seconds(["2017-05-09T18:00:31Z", 1494352831.0])  # type: ignore[list-item]


def _alone(text: str) -> float | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None
