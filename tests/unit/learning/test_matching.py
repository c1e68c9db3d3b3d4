from __future__ import annotations

import numpy as np

from stream_seg.contracts.model import MAX_SEGMENTS
from stream_seg.learning.clustering.matching import renumber


def shared(*rows: tuple[int, ...]) -> np.ndarray:
    """Return customers by old cluster (rows) and new cluster (columns)."""
    return np.array(rows, dtype=np.int64)


def test_reordered_clusters_keep_the_numbers_of_their_customers() -> None:
    found = renumber(shared((0, 90, 10), (5, 0, 95), (80, 20, 0)), [0, 1, 2], 3)
    assert (found.order, found.numbers, found.next_number) == ([1, 2, 0], [0, 1, 2], 3)


def test_the_first_clusters_all_get_new_numbers() -> None:
    assert renumber(np.empty((0, 3), np.int64), [], 0) == ([0, 1, 2], [0, 1, 2], 3)


def test_an_additional_cluster_gets_a_new_number() -> None:
    found = renumber(shared((40, 60, 0), (0, 0, 100)), [0, 1], 2)
    assert (found.order, found.numbers) == ([1, 2, 0], [0, 1, 2])


def test_fewer_clusters_keep_the_numbers_that_they_continue() -> None:
    found = renumber(shared((100, 0), (60, 40), (0, 90)), [0, 1, 2], 3)
    assert (found.order, found.numbers) == ([0, 1], [0, 2])


def test_a_cluster_made_of_parts_of_others_gets_a_new_number() -> None:
    found = renumber(shared((80, 40, 0), (0, 40, 60), (0, 40, 70)), [0, 1, 4], 5)
    assert (found.order, found.numbers, found.next_number) == ([0, 2, 1], [0, 4, 5], 6)


def test_numbers_of_ended_segments_are_reused_when_all_were_used() -> None:
    found = renumber(shared((100, 0), (0, 0)), [0, 126], MAX_SEGMENTS)
    assert (found.order, found.numbers, found.next_number) == ([0, 1], [0, 1], 2)
