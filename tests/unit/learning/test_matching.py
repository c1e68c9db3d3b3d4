from __future__ import annotations

import numpy as np

from stream_seg.contracts.model import MAX_SEGMENTS
from stream_seg.learning.clustering.matching import renumber


def shared(*rows: tuple[int, ...]) -> np.ndarray:
    """Customers by old cluster (rows) and new one (columns)."""
    return np.array(rows, dtype=np.int64)


def test_relabelled_clusters_keep_the_numbers_of_their_customers() -> None:
    found = renumber(shared((0, 90, 10), (5, 0, 95), (80, 20, 0)), [0, 1, 2], 3)
    assert (found.order, found.numbers, found.next_number) == ([1, 2, 0], [0, 1, 2], 3)


def test_the_first_clusters_are_all_born() -> None:
    assert renumber(np.empty((0, 3), np.int64), [], 0) == ([0, 1, 2], [0, 1, 2], 3)


def test_of_more_clusters_than_before_the_new_one_is_born_under_a_new_number() -> None:
    found = renumber(shared((40, 60, 0), (0, 0, 100)), [0, 1], 2)
    assert (found.order, found.numbers) == ([1, 2, 0], [0, 1, 2])


def test_of_fewer_clusters_than_before_all_that_continue_keep_their_numbers() -> None:
    found = renumber(shared((100, 0), (60, 40), (0, 90)), [0, 1, 2], 3)
    assert (found.order, found.numbers) == ([0, 1], [0, 2])


def test_a_cluster_of_bits_of_others_is_another_segment() -> None:
    found = renumber(shared((80, 40, 0), (0, 40, 60), (0, 40, 70)), [0, 1, 4], 5)
    assert (found.order, found.numbers, found.next_number) == ([0, 2, 1], [0, 4, 5], 6)


def test_numbers_of_segments_long_ended_come_again_when_all_were_used() -> None:
    found = renumber(shared((100, 0), (0, 0)), [0, 126], MAX_SEGMENTS)
    assert (found.order, found.numbers, found.next_number) == ([0, 1], [0, 1], 2)
