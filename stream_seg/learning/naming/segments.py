"""Segments: the profile and the name of each cluster, as a snapshot has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from stream_seg.contracts.model import SegmentProfile
from stream_seg.core.dimensions.behavior import SegmentModel, segment_id
from stream_seg.core.features import FEATURES
from stream_seg.learning.clustering.sampled import Sampled
from stream_seg.learning.clustering.scaling import Matrix, Scaling

from .names import names
from .portraits import CategoryNames, portraits
from .profiles import Population, profiles


def describe(
    scaling: Scaling,
    centers: Matrix,
    rows: Matrix,
    held: Sequence[SegmentProfile | None],
    mixes: Matrix | None = None,
    categories: CategoryNames = (),
) -> list[SegmentProfile]:
    """Return profiles and names of centres (k, d), from a sample of customers (n, len(FEATURES)), n >= 1.

    Customers are assigned as workers do it. `held` are the segments as they were published last, in the order of the
    centres, None for one that is new. `mixes` (n, MIX_SIZE) and the names met in each category slot are given where
    they are known.
    """
    ids = tuple(segment_id(index) for index in range(len(centers)))
    model = SegmentModel(
        version=1,
        features=scaling.features,
        log=scaling.log,
        center=np.array(scaling.center),
        scale=np.array(scaling.scale),
        centroids=centers,
        names=ids,
    )
    typical = np.tile(np.median(rows, axis=0), (len(centers), 1))
    typical[:, [FEATURES.index(name) for name in scaling.features]] = scaling.human(centers)
    sample, labels = Sampled.of(rows, mixes), model.assign(rows).best
    population = Population.of(sample)
    found = profiles(sample, labels, typical, population)
    given = {index: each.name for index, each in enumerate(held) if each and each.name_pinned}
    before = [each.name if each else None for each in held]
    named = names(found, population, before, given)
    drawn = portraits(sample, labels, population, len(centers), categories)
    return [
        SegmentProfile(
            id=id_,
            name=name,
            share=each.share,
            customers=each.customers,
            features=each.medians,
            name_pinned=index in given,
            **asdict(portrait),
        )
        for index, (id_, name, each, portrait) in enumerate(zip(ids, named, found, drawn, strict=True))
    ]
