"""Tests of money as integer minor units of one base currency."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.currencies import EXPONENTS, minor_per_major
from stream_seg.contracts.money import Money


def test_exponents_are_those_of_iso_4217() -> None:
    assert [EXPONENTS[code] for code in ("JPY", "USD", "EUR", "KWD", "CLF")] == [0, 2, 2, 3, 4]
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
    assert minor_per_major("USD") == 100
    assert minor_per_major("JPY") == 1


def test_amounts_become_minor_units_of_the_base_currency() -> None:
    events: list[dict[str, Any]] = [
        {"amount": 19.99},
        {"amount": 0.29, "currency": "USD"},
        {"amount": 0.0},
        {"amount": None},
        {},
    ]
    assert Money("USD", {}).minor_units(events) == ([1999, 29, 0, 0, 0], {})
    assert Money("JPY", {}).minor_units([{"amount": 1200.0}]) == ([1200], {})
    assert Money("KWD", {}).minor_units([{"amount": 1.234}]) == ([1234], {})


def test_other_currencies_are_converted_by_their_rates() -> None:
    money = Money("USD", {"EUR": 1.08, "JPY": 0.0067})
    events: list[dict[str, Any]] = [
        {"amount": 10.0, "currency": "EUR"},
        {"amount": 1000.0, "currency": "JPY"},
        {"amount": 10.0},
    ]
    assert money.minor_units(events) == ([1080, 670, 1000], {})


def test_unknown_currencies_and_currencies_without_a_rate_are_refused() -> None:
    events: list[dict[str, Any]] = [
        {"amount": 1.0, "currency": "EUR"},
        {"amount": 1.0, "currency": "ZZZ"},
        {"amount": 1.0},
    ]
    _, refused = Money("USD", {}).minor_units(events)
    assert {at: why.reason for at, why in refused.items()} == {0: "currency_without_rate", 1: "unknown_currency"}
    assert "STREAM_SEG_RATES" in refused[0].detail


def test_amounts_beyond_32_bits_are_refused() -> None:
    events: list[dict[str, Any]] = [
        {"amount": 42949672.95},
        {"amount": 42949672.96},
        {"amount": 1e308, "currency": "EUR"},
    ]
    minor, refused = Money("USD", {"EUR": 1e10}).minor_units(events)
    assert minor[0] == 2**32 - 1
    assert {at: why.reason for at, why in refused.items()} == {1: "amount_out_of_range", 2: "amount_out_of_range"}


def test_an_amount_that_overflows_in_minor_units_is_refused_without_a_warning() -> None:
    for events in ([{"amount": 1e308}], [{"amount": 1e308}, {"amount": 1.0, "currency": "EUR"}]):
        _, refused = Money("USD", {"EUR": 1.0}).minor_units(events)
        assert [why.reason for why in refused.values()] == ["amount_out_of_range"]


@pytest.mark.parametrize(
    ("currency", "rates"),
    [("USB", {}), ("usd", {}), ("USD", {"XYZ": 1.0}), ("USD", {"EUR": 0.0}), ("USD", {"EUR": float("nan")})],
)
def test_invalid_settings_are_refused_at_once(currency: str, rates: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Money(currency, rates)
