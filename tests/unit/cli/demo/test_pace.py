"""A source that waits for the worker."""

from __future__ import annotations

from operator import length_hint

from stream_seg.cli.demo.pace import Paced
from stream_seg.datasets import SourceRecord

RECORDS = [SourceRecord("purchases", b"c-1", b"{}", float(number)) for number in range(10)]


def test_records_pass_as_fast_as_they_are_handled() -> None:
    sent: list[SourceRecord] = []
    source = Paced(RECORDS, lambda: len(sent), ahead=3)

    for record in source:
        sent.append(record)

    assert sent == RECORDS
    assert length_hint(source) == 10


def test_never_too_far_ahead() -> None:
    asked: list[int] = []

    def handled() -> int:
        asked.append(len(sent))
        return len(asked)  # one more at each look

    sent: list[SourceRecord] = []
    for record in Paced(RECORDS, handled, ahead=4):
        sent.append(record)

    # Every look came when exactly `ahead` were not handled, and let one more pass.
    assert asked == [4, 5, 6, 7, 8, 9]


def test_stopping_ends_the_waiting() -> None:
    source = Paced(RECORDS, lambda: 0, ahead=4)
    source.stop()

    assert list(source) == RECORDS[:4]
