"""Looking at errors."""

from __future__ import annotations

from stream_seg.errors import causes


def raised(error: Exception, cause: Exception | None) -> Exception:
    """Return an error as if raised from another."""
    error.__cause__ = cause
    return error


def test_causes_come_once_and_end_even_where_an_error_is_its_own_cause() -> None:
    first, last = ValueError("first"), KeyError("last")
    assert list(causes(raised(last, first))) == [last, first]
    assert list(causes(raised(first, first))) == [first]
    assert list(causes(raised(first, last))) == [first, last]  # and last was raised from first
