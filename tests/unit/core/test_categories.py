"""Categories of a customer, and their names in a partition."""

from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.events.categories import (
    ENTRY,
    MAX_CATEGORIES,
    MAX_NAME_BYTES,
    MAX_NAMES,
    OTHER_ID,
    CategoryNames,
    category_id,
    merge,
    shares_of,
    units_of,
)


def section(*entries: tuple[int, float, int]) -> bytes:
    return np.array(list(entries), ENTRY).tobytes()


def added(stored: bytes, *amounts: tuple[int, float, int], factor: float = 1.0) -> bytes:
    """Return the section of one customer with (id, weight, units) added."""
    ids, weights, units = (np.array(column) for column in zip(*amounts, strict=True)) if amounts else [np.zeros(0)] * 3
    rows = np.zeros(len(amounts), np.intp)
    (merged,) = merge([stored], np.array([factor]), rows, ids, weights, units)
    return merged


@pytest.mark.parametrize(
    ("name", "number"), [("garden", 2854744528), ("Tea", 3137287773), ("café", 4070389375), ("", 953390274)]
)
def test_a_category_has_the_same_id_on_every_machine(name: str, number: int) -> None:
    assert category_id(name) == number


def test_amounts_of_one_category_add_up() -> None:
    assert added(section((7, 1.5, 2)), (7, 2.0, 1), (3, 1.0, 0), (7, 0.5, -1)) == section((3, 1.0, 0), (7, 4.0, 2))


def test_a_moved_landmark_multiplies_stored_weights_only() -> None:
    assert added(section((7, 8.0, 2)), (3, 1.0, 1), factor=0.25) == section((3, 1.0, 1), (7, 2.0, 2))


def test_the_lightest_of_too_many_is_dropped() -> None:
    full = section(*((number, float(number), 1) for number in range(1, MAX_CATEGORIES + 1)))
    assert added(full, (99, 1.5, 1)) == full[ENTRY.itemsize :] + section((99, 1.5, 1))
    assert added(full, (99, 0.5, 1)) == full
    assert added(full, (99, 1.0, 1)) == full  # the smaller id stays


def test_a_category_with_nothing_left_is_dropped() -> None:
    assert added(section((7, 1.0, 1)), (7, -1.0, -1)) == b""


def test_customers_do_not_mix() -> None:
    stored = [section((1, 1.0, 1)), b"", section((1, 5.0, 5), (2, 1.0, 1))]
    merged = merge(stored, np.ones(3), np.array([1, 0]), np.array([1, 2]), np.array([2.0, 3.0]), np.array([2, 3]))
    assert merged == [section((1, 1.0, 1), (2, 3.0, 3)), section((1, 2.0, 2)), stored[2]]


def test_nothing_is_merged_into_nothing() -> None:
    nothing = np.zeros(0)
    assert merge([b""], np.ones(1), nothing, nothing, nothing, nothing) == [b""]


def test_new_names_are_taken_once_and_restored() -> None:
    names = CategoryNames()
    tea = names.id_of("Tea")
    assert (names.id_of("Tea"), names.name(tea), len(names)) == (tea, "Tea", 1)
    assert (names.take_new(), names.take_new()) == ({tea: "Tea"}, {})
    again = CategoryNames()
    for number, name in names.items():
        again.restore(number, name)
    assert (again.id_of("Tea"), again.take_new()) == (tea, {})
    again.renew()
    assert again.take_new() == {tea: "Tea"}


def test_names_that_are_too_long_or_too_many_are_other() -> None:
    names = CategoryNames()
    assert names.id_of("é" * (MAX_NAME_BYTES // 2)) != OTHER_ID
    assert names.id_of("é" * (MAX_NAME_BYTES // 2) + "x") == OTHER_ID
    for number in range(MAX_NAMES - 1):
        assert names.id_of(f"category {number}") != OTHER_ID
    assert names.id_of("one more") == OTHER_ID
    assert names.name(OTHER_ID) == names.name(category_id("one more")) == "other"


def test_units_and_shares_are_by_name() -> None:
    names = CategoryNames()
    tea, mugs = names.id_of("Tea"), names.id_of("Mugs")
    entries = section(*sorted([(tea, 3.0, 4), (mugs, 1.0, 9), (12345, -2.0, 1)]))
    assert units_of(entries, names) == {"Tea": 4, "Mugs": 9, "other": 1}
    assert list(units_of(entries, names)) == ["Tea", "Mugs", "other"]
    assert shares_of([b"", entries, b""], names) == [{}, {"Tea": 0.75, "Mugs": 0.25}, {}]
    assert shares_of([section((tea, 1e308, 1), (mugs, 1e308, 1))], names) == [{"Tea": 0.5, "Mugs": 0.5}]
    assert shares_of([section((tea, float("inf"), 1))], names) == [{}]
    assert shares_of([], names) == []
