"""Laws of categories: the order of arrival does not matter, and no customer touches another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.events.categories import ENTRY, MAX_CATEGORIES, merge

amounts = st.tuples(
    st.integers(0, 3),  # row
    st.integers(1, 2**32 - 1) | st.integers(1, 12),  # id
    st.floats(0.0, 1e6),  # weight
    st.integers(-5, 50),  # units
)


def merged(sections: list[bytes], each: list[tuple[int, int, float, int]]) -> list[bytes]:
    rows, ids, weights, units = (np.array([one[at] for one in each]) for at in range(4))
    return merge(sections, np.ones(len(sections)), rows, ids, weights, units)


@given(each=st.lists(amounts, max_size=40), cuts=st.integers(1, 10), data=st.data())
def test_merging_is_the_sum_per_customer_and_category(
    each: list[tuple[int, int, float, int]], cuts: int, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(each))
    sections = [b""] * 4
    for at in range(0, len(shuffled), cuts):
        sections = merged(sections, shuffled[at : at + cuts])
    for row, section in enumerate(sections):
        expected: dict[int, tuple[float, int]] = {}
        for _, number, weight, units in (one for one in each if one[0] == row):
            known = expected.get(number, (0.0, 0))
            expected[number] = known[0] + weight, known[1] + units
        found = {number: (weight, units) for number, weight, units in np.frombuffer(section, ENTRY).tolist()}
        assert list(found) == sorted(found)
        assert len(found) <= MAX_CATEGORIES
        if len(expected) > MAX_CATEGORIES:
            continue  # the ranking is approximate
        assert {n for n, (weight, units) in expected.items() if weight or units} >= found.keys()
        for number, (weight, units) in found.items():
            assert weight == pytest.approx(expected[number][0], rel=1e-9)
            assert units == expected[number][1]


@given(each=st.lists(amounts, min_size=1, max_size=60))
def test_the_heaviest_are_kept_when_all_arrive_together(each: list[tuple[int, int, float, int]]) -> None:
    for row, section in enumerate(merged([b""] * 4, each)):
        totals: dict[int, float] = {}
        for _, number, weight, _ in (one for one in each if one[0] == row):
            totals[number] = totals.get(number, 0.0) + weight
        kept = set(np.frombuffer(section, ENTRY)["id"].tolist())
        if len(kept) == MAX_CATEGORIES:
            assert min(totals[number] for number in kept) >= max(
                (weight for number, weight in totals.items() if number not in kept), default=0.0
            ) * (1 - 1e-9)
