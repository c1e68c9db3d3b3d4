"""Tests of converting source values into event values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stream_seg.contracts.mapping.convert import NumberForm, TimeForm, moment, number, text
from stream_seg.contracts.reasons import Refused

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", "7"),
        (" c ", " c "),
        (7, "7"),
        (17.0, "17"),
        (1.5, "1.5"),
        (True, "true"),
        (date(2025, 1, 2), "2025-01-02"),
    ],
)
def test_text(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", [float("nan"), b"c-1", [1], {"a": 1}])
def test_other_values_are_not_text(value: Any) -> None:
    with pytest.raises(Refused, match="wrong_type"):
        text(value)


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("12.50", NumberForm(), 12.5),
        (" -7 ", NumberForm(), -7.0),
        ("+.5", NumberForm(), 0.5),
        ("5.", NumberForm(), 5.0),
        ("1e3", NumberForm(), 1000.0),
        (12, NumberForm(), 12.0),
        (12.5, NumberForm(divide=100), 0.125),
        ("1999", NumberForm(divide=100), 19.99),
        ("12,50", NumberForm(","), 12.5),
        ("1.234.567,89", NumberForm(",", "."), 1_234_567.89),
        ("1234567,89", NumberForm(",", "."), 1_234_567.89),
        ("1,234.50", NumberForm(".", ","), 1_234.5),
        ("1 234,5", NumberForm(",", " "), 1_234.5),
        ("1\u00a0234\u202f567", NumberForm(",", " "), 1_234_567.0),
        ("1'234.50", NumberForm(".", "'"), 1_234.5),
    ],
)
def test_numbers(value: Any, form: NumberForm, expected: float) -> None:
    assert number(value, form) == expected


@pytest.mark.parametrize(
    ("value", "form", "reason"),
    [
        ("12,50", NumberForm(), "wrong_type"),
        ("12.50", NumberForm(","), "wrong_type"),
        # A number in another form must not be read as a hundred times larger.
        ("1.25", NumberForm(",", "."), "wrong_type"),
        ("12.34,5", NumberForm(",", "."), "wrong_type"),
        ("1.2345", NumberForm(",", "."), "wrong_type"),
        ("$5", NumberForm(), "wrong_type"),
        ("٣", NumberForm(), "wrong_type"),
        (True, NumberForm(), "wrong_type"),
        ([5], NumberForm(), "wrong_type"),
        (b"5", NumberForm(), "wrong_type"),
        ("1e400", NumberForm(), "wrong_type"),
        ("1e399", NumberForm(), "bad_amount"),
        (float("nan"), NumberForm(), "bad_amount"),
        (10**400, NumberForm(), "bad_amount"),
    ],
)
def test_other_values_are_not_numbers(value: Any, form: NumberForm, reason: str) -> None:
    with pytest.raises(Refused, match=reason if value != "1e400" else "bad_amount"):
        number(value, form)


def test_a_refusal_shows_the_form_of_numbers() -> None:
    with pytest.raises(Refused) as refused:
        number("12.50", NumberForm(",", "."))
    assert refused.value.detail == 'must be a number such as 1.234,50 (it is "12.50")'


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("2025-01-31T18:00:00Z", TimeForm(), "2025-01-31T18:00:00Z"),
        ("2025-01-31T18:00:00.25+01:00", TimeForm(), "2025-01-31T17:00:00.250000Z"),
        ("1735689600", TimeForm(), 1_735_689_600.0),
        (1_735_689_600, TimeForm(), 1_735_689_600.0),
        ("2025-01-31 18:00", TimeForm(zone=BERLIN), "2025-01-31T17:00:00Z"),
        ("2025-07-31", TimeForm(zone=BERLIN), "2025-07-30T22:00:00Z"),
        ("2025-01-31T18:00:00Z", TimeForm(zone=BERLIN), "2025-01-31T18:00:00Z"),
        ("31.01.2025 18:00", TimeForm(("%d.%m.%Y %H:%M",), BERLIN), "2025-01-31T17:00:00Z"),
        ("31.01.2025", TimeForm(("%d.%m.%Y %H:%M", "%d.%m.%Y"), BERLIN), "2025-01-30T23:00:00Z"),
        ("1/31/2025 6:05 PM -0500", TimeForm(("%m/%d/%Y %I:%M %p %z",)), "2025-01-31T23:05:00Z"),
        ("1735689600123", TimeForm(("epoch_ms",)), 1_735_689_600.123),
        (1_735_689_600_123_456, TimeForm(("epoch_us",)), 1_735_689_600.123456),
        (20_089, TimeForm(("epoch_days",)), 1_735_689_600.0),
        (datetime(2025, 1, 31, 18, tzinfo=UTC), TimeForm(), "2025-01-31T18:00:00Z"),
        (datetime(2025, 1, 31, 18), TimeForm(zone=BERLIN), "2025-01-31T17:00:00Z"),
        (date(2025, 1, 31), TimeForm(zone=UTC), "2025-01-31T00:00:00Z"),
        # A repeated hour is the first of the two. A skipped hour is an hour later.
        ("26.10.2025 02:30", TimeForm(("%d.%m.%Y %H:%M",), BERLIN), "2025-10-26T00:30:00Z"),
        ("30.03.2025 02:30", TimeForm(("%d.%m.%Y %H:%M",), BERLIN), "2025-03-30T01:30:00Z"),
    ],
)
def test_times(value: Any, form: TimeForm, expected: str | float) -> None:
    assert moment(value, form) == expected


@pytest.mark.parametrize(
    ("value", "form", "reason"),
    [
        ("yesterday", TimeForm(), "bad_time"),
        ("2025-01-31T18:00:00", TimeForm(), "time_without_offset"),
        (datetime(2025, 1, 31), TimeForm(), "time_without_offset"),
        (date(2025, 1, 31), TimeForm(), "time_without_offset"),
        ("2025-01-31", TimeForm(("%d.%m.%Y",), BERLIN), "bad_time"),
        ("31.02.2025", TimeForm(("%d.%m.%Y",), BERLIN), "bad_time"),
        ("soon", TimeForm(("epoch_ms",)), "bad_time"),
        ("01.01.0001", TimeForm(("%d.%m.%Y",), BERLIN), "bad_time"),
        (True, TimeForm(), "wrong_type"),
        ([1], TimeForm(), "wrong_type"),
    ],
)
def test_other_values_are_not_times(value: Any, form: TimeForm, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        moment(value, form)
