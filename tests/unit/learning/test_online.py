from __future__ import annotations

import numpy as np

from stream_seg.learning.clustering.online import OnlineKMeans


def test_starts_at_the_given_centers() -> None:
    centers = np.array([[0.0, 1.0], [4.0, 5.0]])
    assert OnlineKMeans(centers, 0.01).centers.tolist() == centers.tolist()


def test_the_nearest_center_moves_a_step_towards_the_point() -> None:
    kmeans = OnlineKMeans(np.array([[0.0, 0.0], [10.0, 10.0]]), learning_rate=0.5)
    assert kmeans.learn_one([2.0, 0.0]) == 0
    assert kmeans.centers.tolist() == [[1.0, 0.0], [10.0, 10.0]]
