from __future__ import annotations

import numpy as np

from stream_seg.learning.clustering.online import OnlineKMeans


def test_begins_at_the_given_centres() -> None:
    centers = np.array([[0.0, 1.0], [4.0, 5.0]])
    assert OnlineKMeans(centers, 0.01).centers.tolist() == centers.tolist()


def test_the_nearest_centre_moves_a_step_towards_the_point() -> None:
    kmeans = OnlineKMeans(np.array([[0.0, 0.0], [10.0, 10.0]]), halflife=0.5)
    assert kmeans.learn_one([2.0, 0.0]) == 0
    assert kmeans.centers.tolist() == [[1.0, 0.0], [10.0, 10.0]]


def test_predicting_changes_nothing() -> None:
    kmeans = OnlineKMeans(np.array([[0.0], [10.0]]), halflife=0.5)
    assert [kmeans.predict_one([4.0]), kmeans.predict_one([6.0])] == [0, 1]
    assert kmeans.centers.tolist() == [[0.0], [10.0]]
