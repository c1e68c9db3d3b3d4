"""A small engine for examples, documentation and tests, with two segments by spend."""

from __future__ import annotations

import numpy as np

from .decay import DAY_S, Decay
from .dimensions.behavior import Behavior
from .dimensions.segment_model import Hysteresis, SegmentModel
from .engine import Engine, Rules


def model(version: int = 1) -> SegmentModel:
    """Return a model with two segments on one feature: about 10 and about 1,000 of money in 30 days."""
    return SegmentModel(
        version=version,
        features=("spend_rate",),
        log=(True,),
        center=np.array([0.0]),
        scale=np.array([1.0]),
        centroids=np.log1p(np.array([[10.0], [1000.0]])),
        names=("Small spenders", "Big spenders"),
    )


def engine(hysteresis: Hysteresis | None = None) -> Engine:
    """Return an engine with that model and a half-life of 30 days."""
    return Engine(Rules(Decay(30 * DAY_S)), Behavior(hysteresis, model()))
