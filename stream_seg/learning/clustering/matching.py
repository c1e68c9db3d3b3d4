"""Matching of new clusters to old ones: a new cluster keeps the number of the old one whose customers it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import MAX_SEGMENTS

# A new cluster continues an old one when they share more than this part of the smaller of the two.
SHARED: Final = 0.5


class Numbered(NamedTuple):
    """New clusters in the order of their numbers.

    `order` are the indices of the clusters, `numbers` their numbers, and `next_number` is the next free one.
    """

    order: list[int]
    numbers: list[int]
    next_number: int


def renumber(counts: npt.NDArray[np.int64], numbers: Sequence[int], next_number: int) -> Numbered:
    """Return numbers for new clusters, from the customers that each old and new cluster share, `counts` (m old, n new).

    `numbers` are those of the old clusters. As many customers as possible keep their number. A cluster that continues
    no old one gets a number that was never used, as long as the field in a customer's record has room for it.
    """
    sizes = np.minimum.outer(counts.sum(axis=1), counts.sum(axis=0))
    from scipy.optimize import linear_sum_assignment  # deferred, see lazy_imports

    pairs = zip(*linear_sum_assignment(-counts), strict=True)
    found = {int(new): numbers[old] for old, new in pairs if counts[old, new] > SHARED * sizes[old, new]}
    for new in range(counts.shape[1]):
        if new not in found:
            found[new], next_number = _unused(next_number, [*numbers, *found.values()])
    order = sorted(found, key=found.__getitem__)
    return Numbered(order, [found[new] for new in order], next_number)


def _unused(next_number: int, taken: Sequence[int]) -> tuple[int, int]:
    """Return a free number and the next candidate. When all have been used, numbers of ended segments are reused."""
    number = next_number % MAX_SEGMENTS
    while number in taken:
        number = (number + 1) % MAX_SEGMENTS
    return number, number + 1
