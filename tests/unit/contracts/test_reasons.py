"""The codes of refusals."""

from __future__ import annotations

from stream_seg.contracts import reasons
from stream_seg.contracts.reasons import SENTENCES, Refused, quoted

CODES = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}


def test_every_code_has_one_sentence() -> None:
    assert set(SENTENCES) == CODES
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_codes_are_names_in_lower_case() -> None:
    assert all(code.isidentifier() and code.islower() for code in CODES)


def test_details_are_short_enough_for_a_header() -> None:
    assert len(Refused("not_json", "x" * 10_000).detail) == 400


def test_what_is_quoted_cannot_break_a_line() -> None:
    assert quoted("a\nb\u202e") == '"a\\nb\\u202e"'
    assert len(quoted("x" * 1000)) == 80
    assert quoted(True) == "true"
