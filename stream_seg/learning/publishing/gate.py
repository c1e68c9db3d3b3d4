"""The gate: a snapshot that would do harm is not published, and the last good one stays in force."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.learning.clustering.scaling import Matrix, Scaling
from stream_seg.learning.clustering.warm_start import inertia

from .moves import moves

UNUSABLE: Final = "unusable"
COLLAPSED: Final = "collapsed"
FEWER: Final = "fewer_segments"
HALF_MOVED: Final = "half_moved"

# Two centres nearer than this share of the mean distance between centres are one segment twice: customers go to the
# one or the other by chance.
COLLAPSED_BELOW: Final = 0.05
# What moves more customers than this must be worth it: their inertia must fall by so much.
MOVED_ABOVE: Final = 0.5
WORTH_IT: Final = 0.01
# With fewer customers a segment, a share of them says nothing.
CUSTOMERS_A_SEGMENT: Final = 10


class Refusal(NamedTuple):
    """Why a snapshot is refused: a code (a label of a metric), and the evidence in a sentence for people."""

    code: str
    evidence: str


def refusal(new: ModelSnapshot, good: ModelSnapshot | None, rows: Matrix) -> Refusal | None:
    """Why `new` must not replace `good`, the model in force; None where it may.

    `rows` (n, len(FEATURES)) are recent customers. Where nothing is in force, whatever can be used is better.
    """
    found = _unusable(new)
    if found is not None or good is None:
        return found
    return _collapsed(new, good) or _fewer(new, good) or _half_moved(new, good, rows)


def _unusable(new: ModelSnapshot) -> Refusal | None:
    """What workers could not read: numbers that are not finite, parts that do not fit."""
    try:
        parse_snapshot(new.dumps())
    except ValueError as reason:
        return Refusal(UNUSABLE, f"workers could not use it: {reason}")
    return None


def _collapsed(new: ModelSnapshot, good: ModelSnapshot) -> Refusal | None:
    """Whether two centres have become nearly the same, where none were."""
    nearest, one, two = _nearest_pair(new)
    before, *_ = _nearest_pair(good)
    if nearest >= COLLAPSED_BELOW or before < COLLAPSED_BELOW:
        return None
    return Refusal(
        COLLAPSED,
        f"the centres of {_called(new, one)} and {_called(new, two)} are {nearest:.1%} of the mean distance between"
        f" centres apart; {COLLAPSED_BELOW:.0%} is the least, and in model {good.version} the nearest are {before:.0%}",
    )


def _nearest_pair(snapshot: ModelSnapshot) -> tuple[float, int, int]:
    """How near the two nearest centres are, as a share of the mean distance, and which they are."""
    centers = np.array(snapshot.centroids)
    if len(centers) < 2:
        return 1.0, 0, 0
    from scipy.spatial.distance import pdist, squareform  # here: see at_need

    apart = pdist(centers)
    mean = float(apart.mean())
    square = squareform(apart) + np.diag(np.full(len(centers), np.inf))
    one, two = divmod(int(square.argmin()), len(centers))
    return (float(apart.min()) / mean if mean > 0 else 0.0), one, two


def _fewer(new: ModelSnapshot, good: ModelSnapshot) -> Refusal | None:
    """Whether segments were lost that nobody asked to lose."""
    k, before, asked = len(new.centroids), len(good.centroids), new.learner.get("clusters", len(good.centroids))
    if k >= before or k >= asked:
        return None
    return Refusal(FEWER, f"it has {k} segments, model {good.version} has {before}, and {asked} are asked for")


def _half_moved(new: ModelSnapshot, good: ModelSnapshot, rows: Matrix) -> Refusal | None:
    """Whether most customers would change segment, and not lie nearer to their centres for it."""
    asked_otherwise = new.features != good.features or len(new.centroids) != len(good.centroids)
    if asked_otherwise or len(rows) < CUSTOMERS_A_SEGMENT * len(new.centroids):
        return None
    found = moves(good, new, rows)
    if found.share <= MOVED_ABOVE:
        return None
    scaling = Scaling.of(new)
    points, old = scaling.points(rows), Scaling.of(good).moved_to(scaling, np.array(good.centroids))
    was, becomes = inertia(points, old), inertia(points, np.array(new.centroids))
    if becomes < was * (1.0 - WORTH_IT):
        return None
    flow = found.flows[0]
    return Refusal(
        HALF_MOVED,
        f"{found.moved} of {found.customers} sampled customers ({found.share:.0%}) would change segment, most of them"
        f" ({flow.customers}) from {flow.from_} to {flow.to}, and inertia would go from {was:.1f} to {becomes:.1f}"
        f"; to move more than {MOVED_ABOVE:.0%} it must fall by"
        f" {WORTH_IT:.0%}",
    )


def _called(snapshot: ModelSnapshot, index: int) -> str:
    return f"{snapshot.segments[index].id} ({snapshot.segments[index].name})"
