"""Tests of the time formats of producers."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.moments import corrected, envelope_time, seconds_of, stamp
from stream_seg.contracts.times import MissingOffset

T = 1494352831.0  # 2017-05-09T18:00:31Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2017-05-09T18:00:31Z", T),
        ("2017-05-09 18:00:31 UTC", T),
        ("2017-05-09T18:00:31utc", T),
        ("2017-05-09 18:00:31.250 GMT", T + 0.25),
        ("2017-05-09 18:00:31+00", T),
        ("2017-05-09 20:00:31 +0200", T),
        ("2017-05-09T23:30:31+0530", T),
        ("2017-05-09t14:00:31-04", T),
        ("2017-05-09T18:00Z", T - 31),
        ("2017-05-09 18:00 UTC", T - 31),
        ("2017-05-09T20:00+02:00", T - 31),
        ("2016-12-31 23:59:60 UTC", 1483228800.0),
        ("1494352831", T),
        ("1494352831.25", T + 0.25),
        ("100000000", 1e8),
        ("1494352831000", 1494352831000.0),
    ],
)
def test_known_forms_of_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["2017-05-09", "2017-05-09T18:00:31", "2017-05-09 18:00", "2017-05-09 18:00:31.5"])
def test_a_time_without_offset_has_its_own_error(text: str) -> None:
    with pytest.raises(MissingOffset):
        seconds_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "20170509", "2017", "99999999", "14943528310000", "-1494352831", "1.5e9", "1494352831 ",
     "2017-05-09T18:00:31 Z", "2017-05-09T18Z", "2017-05-09 18:00:31 PST", "2017-05-09 18:00:31 CEST",
     "Tue May 09 2017", "Tue, 09 May 2017 18:00:31 GMT", "09/05/2017 18:00", "2017-05-09T18:00:31,5Z",
     "2017-05-09T18:00.5Z", "2017-05-09T25:00Z", "2017-05-09T18:60Z", "2017-02-30T18:00Z", "20170509T180031Z",
     "2017-05-09 18:00:31+0060", "2017-05-09 18:00:31+24", "2017-05-09 18:00:31 UTC+2",
     "\N{FULLWIDTH DIGIT TWO}017-05-09 18:00 UTC"],
)  # fmt: skip
def test_invalid_and_ambiguous_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError) as fault:
        seconds_of(text)
    assert not isinstance(fault.value, MissingOffset)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1494352831, T),
        (1494352831000, T),
        (1494352831000000, T),
        ("1494352831250", T + 0.25),
        ("1494352831250000", T + 0.25),
        (1494352831.25, T + 0.25),
        (0, 0.0),
        (-5, -5.0),
        (10**18, 10**18),
        ("20170509", "20170509"),
        ("2017-05-09T18:00:31Z", "2017-05-09T18:00:31Z"),
        (True, True),
        (None, None),
        ([1], [1]),
    ],
)
def test_the_size_of_a_number_in_an_envelope_determines_its_unit(value: Any, read: Any) -> None:
    assert stamp(value) == read
    assert type(stamp(value)) is type(read)


@pytest.mark.parametrize("value", [None, True, "soon", "2017-05-09T18:00:31", float("nan"), float("inf"), 10**400, {}])
def test_other_values_are_not_times_of_an_envelope(value: Any) -> None:
    assert envelope_time(value) is None


def test_a_correction_needs_three_times() -> None:
    original, sent, received = "2017-05-09T18:00:31Z", "2017-05-09T18:00:31.125Z", 1494352900000
    assert corrected(original, sent, received) == 1494352899.875
    assert corrected(original, sent, None) is None
    assert corrected(original, "soon", received) is None
    assert corrected("2017-05-09T18:00:31", sent, received) is None
