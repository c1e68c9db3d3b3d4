"""The profile and the name of each cluster, as a snapshot contains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from stream_seg.contracts.model import SegmentProfile
from stream_seg.core.activity_mix import Mix
from stream_seg.core.dimensions.segment_model import SegmentModel, segment_id
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.scaling import Matrix, Scaling

from .breakdowns import breakdowns
from .names import names
from .profiles import Population, profiles
from .sampled import Sampled


def describe(
    scaling: Scaling,
    centers: Matrix,
    rows: Matrix,
    published: Sequence[SegmentProfile | None],
    mixes: Sequence[Mix] = (),
) -> list[SegmentProfile]:
    """Return profiles and names of centers (k, d), from a sample of customers (n, len(FEATURES)), n >= 1.

    Customers are assigned in the same way as by workers. `published` are the segments as they were published last, in
    the order of the centers, with None for a new one. `mixes` are those of the customers, or none.
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
    sizes_and_medians = profiles(sample, labels, typical, population)
    custom = {index: each.name for index, each in enumerate(published) if each and each.name_pinned}
    current = [each.name if each else None for each in published]
    chosen = names(sizes_and_medians, population, current, custom)
    details = breakdowns(sample, labels, population, len(centers), [mix.categories for mix in mixes])
    return [
        SegmentProfile(
            id=id_,
            name=name,
            share=each.share,
            customers=each.customers,
            features=each.medians,
            name_pinned=index in custom,
            **asdict(breakdown),
        )
        for index, (id_, name, each, breakdown) in enumerate(zip(ids, chosen, sizes_and_medians, details, strict=True))
    ]
