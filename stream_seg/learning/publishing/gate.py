"""The gate: refuses snapshots that would do harm, so that the last good one stays active."""

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

# Two centers nearer than this share of the mean distance between centers are the same segment twice. Customers would go
# to one or the other by chance.
COLLAPSED_BELOW: Final = 0.05
# A snapshot that moves more than `MOVED_ABOVE` of the customers must lower their inertia by at least `WORTH_IT`.
MOVED_ABOVE: Final = 0.5
WORTH_IT: Final = 0.01
# With fewer customers per segment, the share of moved customers is not meaningful.
CUSTOMERS_PER_SEGMENT: Final = 10


class Refusal(NamedTuple):
    """The refusal of a snapshot: a code, which is a label of a metric, and the evidence as a sentence for operators."""

    code: str
    evidence: str


def refusal(new: ModelSnapshot, good: ModelSnapshot | None, rows: Matrix) -> Refusal | None:
    """Return the reason why `new` must not replace `good`, the active model, or None where it may.

    `rows` (n, len(FEATURES)) are recent customers. Without an active model, any usable snapshot passes.
    """
    unusable = _unusable(new)
    if unusable is not None or good is None:
        return unusable
    return _collapsed(new, good) or _fewer(new, good) or _half_moved(new, good, rows)


def _unusable(new: ModelSnapshot) -> Refusal | None:
    """Refuse a snapshot that workers cannot use: numbers that are not finite, or parts that do not fit."""
    try:
        parse_snapshot(new.dumps())
    except ValueError as reason:
        return Refusal(UNUSABLE, f"workers cannot use it: {reason}")
    return None


def _collapsed(new: ModelSnapshot, good: ModelSnapshot) -> Refusal | None:
    """Refuse a snapshot in which two centers have become nearly equal, if none were in the active model."""
    nearest, one, two = _nearest_pair(new)
    before, *_ = _nearest_pair(good)
    if nearest >= COLLAPSED_BELOW or before < COLLAPSED_BELOW:
        return None
    return Refusal(
        COLLAPSED,
        f"the centers of {_label(new, one)} and {_label(new, two)} are {nearest:.1%} of the mean distance between"
        f" centers apart. At least {COLLAPSED_BELOW:.0%} is required, and in model {good.version} the nearest are"
        f" {before:.0%} apart",
    )


def _nearest_pair(snapshot: ModelSnapshot) -> tuple[float, int, int]:
    """Return the distance of the two nearest centers as a share of the mean distance, and their indices."""
    centers = np.array(snapshot.centroids)
    if len(centers) < 2:
        return 1.0, 0, 0
    from scipy.spatial.distance import pdist, squareform  # deferred, see lazy_imports

    distances = pdist(centers)
    mean = float(distances.mean())
    square = squareform(distances) + np.diag(np.full(len(centers), np.inf))
    one, two = divmod(int(square.argmin()), len(centers))
    return (float(distances.min()) / mean if mean > 0 else 0.0), one, two


def _fewer(new: ModelSnapshot, good: ModelSnapshot) -> Refusal | None:
    """Refuse a snapshot with fewer segments than the active model, unless the settings ask for fewer."""
    k, before, asked = len(new.centroids), len(good.centroids), new.learner.get("clusters", len(good.centroids))
    if k >= before or k >= asked:
        return None
    return Refusal(FEWER, f"it has {k} segments, model {good.version} has {before}, and the settings ask for {asked}")


def _half_moved(new: ModelSnapshot, good: ModelSnapshot, rows: Matrix) -> Refusal | None:
    """Refuse a snapshot that moves most customers to other segments without bringing them nearer to their centers."""
    settings_changed = new.features != good.features or len(new.centroids) != len(good.centroids)
    if settings_changed or len(rows) < CUSTOMERS_PER_SEGMENT * len(new.centroids):
        return None
    scored = moves(good, new, rows)
    if scored.share <= MOVED_ABOVE:
        return None
    scaling = Scaling.of(new)
    points, old = scaling.points(rows), Scaling.of(good).moved_to(scaling, np.array(good.centroids))
    was, becomes = inertia(points, old), inertia(points, np.array(new.centroids))
    if becomes < was * (1.0 - WORTH_IT):
        return None
    flow = scored.flows[0]
    return Refusal(
        HALF_MOVED,
        f"{scored.moved} of {scored.customers} sampled customers ({scored.share:.0%}) would change segment, most of"
        f" them ({flow.customers}) from {flow.from_} to {flow.to}, and inertia would go from {was:.1f} to {becomes:.1f}"
        f". To move more than {MOVED_ABOVE:.0%} of the customers, a model must lower it by {WORTH_IT:.0%}",
    )


def _label(snapshot: ModelSnapshot, index: int) -> str:
    return f"{snapshot.segments[index].id} ({snapshot.segments[index].name})"
