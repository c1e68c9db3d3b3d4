"""Matching: clusters found anew keep the ids of the clusters they continue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from .scaling import Matrix


def continue_ids(old: Matrix, new: Matrix) -> npt.NDArray[np.intp]:
    """In which order to take new centres (k, d) so that each stands where the old one (m, d) it continues stood.

    Both in one scale. Pairs are those of the smallest total distance. New centres that continue nothing, or whose
    old place does not exist any more (k < m), take the places left over, in their own order.
    """
    k = len(new)
    order = np.full(k, -1, dtype=np.intp)
    for place, index in zip(*linear_sum_assignment(cdist(old, new)), strict=True):
        if place < k:
            order[place] = index
    homeless = [index for index in range(k) if index not in set(order.tolist())]
    order[order < 0] = homeless
    return order
