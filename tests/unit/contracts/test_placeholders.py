"""Tests of placeholder ids."""

from __future__ import annotations

import pytest

from stream_seg.contracts.placeholders import DEFAULT, DEFAULT_PLACEHOLDERS, Placeholders
from stream_seg.settings import Settings


@pytest.mark.parametrize("name", [*DEFAULT_PLACEHOLDERS, "Undefined", "NULL", " none ", "[OBJECT OBJECT]", " ", 0, -1])
def test_placeholders(name: object) -> None:
    assert name in DEFAULT
    assert DEFAULT.among(["c-1", str(name), "c-2"])


@pytest.mark.parametrize(
    "name", ["", "c-1", "00", "01", "nullable", "guest-7", "n a", None, True, False, 1, 0.0, [], "\t"]
)
def test_other_ids_are_not_placeholders(name: object) -> None:
    assert name not in DEFAULT


def test_ids_with_spaces_are_distinguished() -> None:
    assert not DEFAULT.among(["un defined", "Ann B", "c-1"])
    assert DEFAULT.among(["Ann B", "  "])
    assert DEFAULT.among(["Ann B", "guest "])


def test_the_first_real_id_is_used() -> None:
    assert DEFAULT.real(None, "(not set)", "T-1", "T-2") == "T-1"
    assert DEFAULT.real(None, "undefined", 0) is None
    assert DEFAULT.real("") == ""


def test_the_setting_defines_the_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_PLACEHOLDER_IDS", "walk-in, (None)")
    ids = Placeholders(Settings().placeholder_ids)
    assert ("Walk-In" in ids, "(none)" in ids, "guest" in ids) == (True, True, False)
    monkeypatch.setenv("STREAM_SEG_PLACEHOLDER_IDS", ",")
    assert Settings().placeholder_ids == ()
    assert " " in Placeholders(())
