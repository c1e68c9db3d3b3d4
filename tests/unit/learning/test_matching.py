from __future__ import annotations

import numpy as np

from stream_seg.learning.matching import continue_ids


def column(*values: float) -> np.ndarray:
    return np.array(values).reshape(-1, 1)


def test_relabelled_centres_return_to_their_places() -> None:
    order = continue_ids(column(0, 10, 20), column(21, 1, 9))
    assert order.tolist() == [1, 2, 0]


def test_the_smallest_total_distance_decides() -> None:
    assert continue_ids(column(0, 10), column(6, 11)).tolist() == [0, 1]


def test_more_centres_than_before_are_appended() -> None:
    assert continue_ids(column(0, 10), column(5, 30, 10, 0)).tolist() == [3, 2, 0, 1]


def test_fewer_centres_than_before_keep_the_ids_that_still_exist() -> None:
    assert continue_ids(column(0, 10, 20), column(20, 11)).tolist() == [0, 1]
    assert continue_ids(column(0, 10, 20), column(10, 0)).tolist() == [1, 0]
