"""Counting equal rows."""

from __future__ import annotations

import random
from collections import Counter

from stream_seg.datasets.ordinals import Ordinals


def test_equal_rows_are_counted() -> None:
    ordinals = Ordinals()
    assert [ordinals.next(each) for each in (5, 5, 7, 5, 0, 0)] == [0, 1, 0, 2, 0, 1]


def test_many_rows() -> None:
    chance, ordinals, seen = random.Random(1), Ordinals(), Counter[int]()
    # A few different fingerprints that share the same slots, among many.
    rows = [chance.getrandbits(64) for _ in range(5_000)] + [(number % 500) << 32 | 1 for number in range(5_000)]
    chance.shuffle(rows)
    for row in rows:
        assert ordinals.next(row) == seen[row]
        seen[row] += 1
