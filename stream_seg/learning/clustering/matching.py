"""Matching: clusters found anew keep the numbers of the clusters whose customers they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_seg.contracts.model import MAX_SEGMENTS

# A new cluster continues an old one when they share this much of the smaller of the two.
SHARED: Final = 0.5


class Numbered(NamedTuple):
    """New clusters in the order of their numbers: which cluster each is, the numbers, and the next free number."""

    order: list[int]
    numbers: list[int]
    next_number: int


def renumber(counts: npt.NDArray[np.int64], numbers: Sequence[int], next_number: int) -> Numbered:
    """Numbers for new clusters, given how many customers each shares with each old one, (m old, n new).

    `numbers` are those of the old clusters. As many customers as possible keep theirs. A cluster that continues none
    is born under a number that none had before, as long as a customer's record has room for it.
    """
    sizes = np.minimum.outer(counts.sum(axis=1), counts.sum(axis=0))
    from scipy.optimize import linear_sum_assignment  # here: see at_need

    pairs = zip(*linear_sum_assignment(-counts), strict=True)
    found = {int(new): numbers[old] for old, new in pairs if counts[old, new] > SHARED * sizes[old, new]}
    for new in range(counts.shape[1]):
        if new not in found:
            found[new], next_number = _unused(next_number, [*numbers, *found.values()])
    order = sorted(found, key=found.__getitem__)
    return Numbered(order, [found[new] for new in order], next_number)


def _unused(next_number: int, taken: Sequence[int]) -> tuple[int, int]:
    """A number for a birth, and the next one. When all were used, those of segments long ended come again."""
    number = next_number % MAX_SEGMENTS
    while number in taken:
        number = (number + 1) % MAX_SEGMENTS
    return number, number + 1
