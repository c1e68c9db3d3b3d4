"""Learned: a learner fed day by day as in a deployment, with no broker; the same seed, the same models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.days import Day
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.taxonomy import category_names
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.worker.models.samples import FIRST_SAMPLE, SAMPLES_PER_DAY

CREATED_AT = "2025-01-01T00:00:00Z"
HALF_LIFE_DAYS = 30.0


class Learned(NamedTuple):
    """A day, the positions of the customers sampled at its end, and the model then in force, maybe published now."""

    day: Day
    sampled: NDArray[np.intp]
    in_force: ModelSnapshot | None
    published: bool


def enough(customers: int) -> int:
    """Return how many of so many customers a learner waits for: as many as usual, in a tiny population half of all."""
    return min(LearnerPolicy.min_customers, customers // 2)


def learn(
    days: Iterable[Day], *, k: int = 6, seed: int = 1, first_sample: int = LearnerPolicy.min_customers
) -> Iterator[Learned]:
    """Sample customers at the end of each day, learn from them, and publish when the learner says so."""
    policy = replace(LearnerPolicy.for_half_life(HALF_LIFE_DAYS * DAY_S), min_customers=first_sample)
    learner = Learner(k, 1, policy)
    rng = np.random.default_rng([seed, 2])
    in_force: ModelSnapshot | None = None
    for day in days:
        wanted = FIRST_SAMPLE if in_force is None else SAMPLES_PER_DAY
        sampled = rng.choice(len(day.rows), min(wanted, len(day.rows)), replace=False)
        for at in sampled.tolist():
            learner.observe(day.customers[at], day.rows[at].tolist(), day.clock, day.mixes[at].tolist())
        learner.categories = category_names()
        why = learner.advance(day.clock)
        if why is not None:
            parent = in_force.version if in_force else 0
            in_force = learner.snapshot(day.clock, CREATED_AT, parent, why)
        yield Learned(day, sampled, in_force, why is not None)
