"""Tests of the reason codes."""

from __future__ import annotations

from stream_seg.contracts import reasons
from stream_seg.contracts.reasons import SENTENCES, Refused, quoted

CODES = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}


def test_every_code_has_one_sentence() -> None:
    assert set(SENTENCES) == CODES
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_codes_are_lower_case_names() -> None:
    assert all(code.isidentifier() and code.islower() for code in CODES)


def test_details_are_short_enough_for_a_header() -> None:
    assert len(Refused("not_json", "x" * 10_000).detail) == 400


def test_a_quoted_value_cannot_break_a_line() -> None:
    assert quoted("a\nb\u202e") == '"a\\nb\\u202e"'
    assert len(quoted("x" * 1000)) == 80
    assert quoted(True) == "true"
