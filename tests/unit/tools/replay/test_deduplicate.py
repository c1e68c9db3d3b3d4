"""Which events of a source are left, by what the topics say of earlier replays."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest

from stream_seg.datasets import SourceRecord
from stream_seg.errors import AlreadySent, SourceError
from stream_seg.tools.replay.deduplicate import Unsent, all_events, unsent_events
from stream_seg.tools.replay.history import ReplayHistory, fingerprint

# Keys that murmur2 puts into the partitions 0 and 1 of two.
KEYS = (b"c-0", b"c-1")


class Views:
    """Views of pages, line by line, of two customers in turn, who are in two partitions."""

    name, unit = "views", "line"

    def __init__(self, *lines: int) -> None:
        self._lines = lines

    def identity(self) -> str:
        return "0123456789abcdef"

    def __iter__(self) -> Iterator[SourceRecord]:
        return (view(line) for line in self._lines)


def view(line: int) -> SourceRecord:
    return SourceRecord("interactions", KEYS[line % 2], b'{"n":%d}' % line, 0.0, line)


def earlier(
    last_lines: dict[int, int] | None = None,
    others: tuple[int, ...] = (),
    truncated: tuple[int, ...] = (),
    run: int = 0,
) -> ReplayHistory:
    """Last lines by partition, lines that others have sent, partitions that lack records."""
    prints = [fingerprint(*view(line)[:3]) for line in others]
    return ReplayHistory(
        partitions=2,
        run=run,
        last_lines={("interactions", partition): line for partition, line in (last_lines or {}).items()},
        others=array("Q", prints),
        truncated=frozenset(("interactions", partition) for partition in truncated),
    )


def left(source: Views, found: ReplayHistory, *, resume: bool = False) -> tuple[list[int], Unsent]:
    remaining = unsent_events(source, source.identity(), found, resume=resume)
    return [record.line for record in remaining.traced()], remaining


def test_a_new_source() -> None:
    lines, remaining = left(Views(1, 2, 3), earlier())
    assert (lines, remaining.already, remaining.headers) == ([1, 2, 3], 0, [("replay", b"0123456789abcdef")])


def test_each_partition_goes_on_behind_its_own_last_line() -> None:
    assert left(Views(*range(1, 11)), earlier({0: 6, 1: 3}), resume=True)[0] == [5, 7, 8, 9, 10]
    # A partition that has nothing yet gets all of its own.
    assert left(Views(*range(1, 11)), earlier({0: 6}), resume=True)[0] == [1, 3, 5, 7, 8, 9, 10]


def test_what_is_left_must_be_asked_for() -> None:
    with pytest.raises(
        AlreadySent, match=r"^5 of the 10 events of views were sent .*; use --resume to send the others"
    ):
        left(Views(*range(1, 11)), earlier({0: 6, 1: 3}))


@pytest.mark.parametrize("resume", [False, True])
def test_a_complete_one_is_refused(resume: bool) -> None:
    with pytest.raises(AlreadySent, match=r"^views was sent before \(4 events\); use --again"):
        left(Views(1, 2, 3, 4), earlier({0: 4, 1: 3}), resume=resume)


def test_events_that_others_sent_are_left_out_and_the_records_say_so() -> None:
    lines, remaining = left(Views(1, 2, 3, 4, 5), earlier(others=(1, 2, 4, 5, 9)))
    assert (lines, remaining.already) == ([3], 4)
    assert ("left-out", b"1") in remaining.headers
    with pytest.raises(AlreadySent, match="before, with another version of it"):
        left(Views(1, 2), earlier(others=(1, 2)))


def test_each_record_of_others_stands_for_one_event() -> None:
    assert left(Views(1, 1, 1, 2), earlier(others=(1, 1)))[0] == [1, 2]


def test_others_without_equal_events_change_nothing() -> None:
    lines, remaining = left(Views(1, 2), earlier(others=(7, 8)))
    assert (lines, remaining.already, remaining.headers) == ([1, 2], 0, [("replay", b"0123456789abcdef")])


def test_lines_and_contents_together() -> None:
    assert left(Views(*range(1, 11)), earlier({0: 4}, others=(6, 1, 3)), resume=True)[0] == [5, 7, 8, 9, 10]


def test_a_run_that_sends_again_does_not_ask_what_others_sent() -> None:
    lines, remaining = left(Views(1, 2, 3, 4), earlier({0: 2}, others=(3, 4), run=5), resume=True)
    assert (lines, remaining.headers) == ([1, 3, 4], [("replay", b"0123456789abcdef"), ("again", b"5")])
    again = all_events(Views(1), "x", 1.5)
    assert (list(again), again.headers) == ([view(1)], [("replay", b"x"), ("again", b"1500")])


def test_where_retention_took_the_last_record_of_a_partition() -> None:
    with pytest.raises(SourceError, match="views: retention has removed records of interactions, partition 1"):
        left(Views(*range(1, 11)), earlier({0: 6}, truncated=(1,)), resume=True)
    # Where the partition has its last record, or nothing of the source up to the last line, nothing is missing.
    assert left(Views(*range(1, 11)), earlier({0: 6, 1: 3}, truncated=(0, 1)), resume=True)[0] == [5, 7, 8, 9, 10]
    assert left(Views(2, 4, 6, 7), earlier({0: 4}, truncated=(1,)), resume=True)[0] == [6, 7]


def test_where_retention_may_have_taken_what_others_sent() -> None:
    with pytest.raises(SourceError, match="partition 0, so it is not known"):
        left(Views(2, 4, 6), earlier(others=(4, 6), truncated=(0,)))
    assert left(Views(2, 4, 6), earlier(others=(2, 4), truncated=(0,)))[0] == [6]


def test_a_source_without_events() -> None:
    assert left(Views(), earlier({0: 4}, others=(1,)))[0] == []
