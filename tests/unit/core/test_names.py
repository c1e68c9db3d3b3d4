"""Segment names: the customers whose segment needs another name."""

from __future__ import annotations

import numpy as np

from stream_seg.core.dimensions.names import SegmentNames

NONE = frozenset[int]()
B0, B1 = frozenset({0}), frozenset({1})


def outdated(names: SegmentNames) -> list[tuple[int, int]]:
    """Return the versions and segments whose customers need another name."""
    pairs = [(version, segment) for version in range(6) for segment in (-1, 0, 1)]
    versions, segments = (np.array(column) for column in zip(*pairs, strict=True))
    return [pair for pair, found in zip(pairs, names.outdated(versions, segments).tolist(), strict=True) if found]


def test_a_learned_name_is_only_for_customers_who_enter() -> None:
    names = SegmentNames()
    names.learn(1, ("Small", "Big"), active=True)
    names.learn(2, ("Small", "Huge"), active=True)
    assert outdated(names) == []


def test_a_user_s_name_is_for_all_customers_in_the_segment() -> None:
    names = SegmentNames()
    names.learn(1, ("Small", "Big"), active=True)
    names.learn(2, ("Small", "Huge"), active=True)
    names.learn(3, ("Small", "VIP"), B1, active=True)
    assert outdated(names) == [(1, 1), (2, 1)]


def test_a_name_that_is_taken_back_is_replaced_for_all() -> None:
    names = SegmentNames()
    names.learn(1, ("Small", "Big"), active=True)
    names.learn(2, ("Small", "VIP"), B1, active=True)
    names.learn(3, ("Small", "VIP"), active=True)
    assert outdated(names) == []  # a learner has to find a name first
    names.learn(4, ("Small", "Huge"), active=True)
    assert outdated(names) == [(2, 1)]


def test_an_ended_segment_is_not_renamed() -> None:
    names = SegmentNames()
    names.learn(1, ("Small", "VIP", "Big"), B1, active=True)
    names.learn(2, ("Small", "b1", "Big"), active=True)
    assert outdated(names) == []


def test_a_second_model_of_one_version_is_ignored_unless_active() -> None:
    names = SegmentNames()
    names.learn(1, ("Small", "Big"), active=True)
    names.learn(1, ("Few", "Many"), B0)
    assert (names.name(1, 0), outdated(names)) == ("Small", [])
    names.learn(2, ("Left", "Aside"))
    names.learn(2, ("Small", "Big"), active=True)
    assert [names.name(2, index) for index in (0, 1, 2)] == ["Small", "Big", "b2"]
    assert names.name(9, 1) == "b1"
