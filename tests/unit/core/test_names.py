"""The name book: who must hear another name."""

from __future__ import annotations

import numpy as np

from stream_seg.core.dimensions.names import SegmentNames

NOBODY = frozenset[int]()
B0, B1 = frozenset({0}), frozenset({1})


def outdated(book: SegmentNames) -> list[tuple[int, int]]:
    """Versions and segments whose customers must hear another name."""
    pairs = [(version, segment) for version in range(6) for segment in (-1, 0, 1)]
    versions, segments = (np.array(column) for column in zip(*pairs, strict=True))
    return [pair for pair, found in zip(pairs, book.outdated(versions, segments).tolist(), strict=True) if found]


def test_a_learner_s_new_name_is_for_those_who_enter() -> None:
    book = SegmentNames()
    book.learn(1, ("Small", "Big"), active=True)
    book.learn(2, ("Small", "Huge"), active=True)
    assert outdated(book) == []


def test_a_person_s_name_is_for_all_whatever_version_named_them() -> None:
    book = SegmentNames()
    book.learn(1, ("Small", "Big"), active=True)
    book.learn(2, ("Small", "Huge"), active=True)
    book.learn(3, ("Small", "VIP"), B1, active=True)
    assert outdated(book) == [(1, 1), (2, 1)]


def test_a_name_taken_back_is_for_nobody() -> None:
    book = SegmentNames()
    book.learn(1, ("Small", "Big"), active=True)
    book.learn(2, ("Small", "VIP"), B1, active=True)
    book.learn(3, ("Small", "VIP"), active=True)
    assert outdated(book) == []  # a learner has to find a name first
    book.learn(4, ("Small", "Huge"), active=True)
    assert outdated(book) == [(2, 1)]


def test_a_segment_that_ended_is_left_and_not_renamed() -> None:
    book = SegmentNames()
    book.learn(1, ("Small", "VIP", "Big"), B1, active=True)
    book.learn(2, ("Small", "b1", "Big"), active=True)
    assert outdated(book) == []


def test_a_version_that_came_late_under_a_number_in_use_says_nothing() -> None:
    book = SegmentNames()
    book.learn(1, ("Small", "Big"), active=True)
    book.learn(1, ("Few", "Many"), B0)
    assert (book.name(1, 0), outdated(book)) == ("Small", [])
    book.learn(2, ("Left", "Aside"))
    book.learn(2, ("Small", "Big"), active=True)
    assert [book.name(2, index) for index in (0, 1, 2)] == ["Small", "Big", "b2"]
    assert book.name(9, 1) == "b1"
