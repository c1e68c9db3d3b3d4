"""The first records of a source, and how long a source says it is."""

from __future__ import annotations

from operator import length_hint

import pytest

from stream_seg.datasets import First, SourceError, SourceRecord

RECORDS = [SourceRecord("purchases", b"c-1", b"{}", float(i)) for i in range(5)]


def test_takes_the_first_and_can_be_read_again() -> None:
    first = First(RECORDS, 2)
    assert list(first) == RECORDS[:2]
    assert list(first) == RECORDS[:2]


@pytest.mark.parametrize(("limit", "length"), [(0, 0), (2, 2), (9, 5)])
def test_its_length_is_the_shorter_of_source_and_limit(limit: int, length: int) -> None:
    first = First(RECORDS, limit)
    assert length_hint(first) == length
    assert len(list(first)) == length


def test_a_source_of_unknown_length_is_taken_to_have_enough() -> None:
    assert length_hint(First((record for record in RECORDS), 3)) == 3


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(SourceError, match="limit is -1; give the number of records"):
        First(RECORDS, -1)
