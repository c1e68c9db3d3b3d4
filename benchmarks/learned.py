"""A learner that gets samples day by day as in a deployment, without a broker and reproducible by seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.days import Day
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.decay import DAY_S
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.worker.models.samples import FIRST_SAMPLE, SAMPLES_PER_DAY

CREATED_AT = "2025-01-01T00:00:00Z"
HALF_LIFE_DAYS = 30.0


class Learned(NamedTuple):
    """A day, the rows of the customers sampled at its end, and the model that is active then.

    `published` is True if the model was published on this day.
    """

    day: Day
    sampled: NDArray[np.intp]
    active: ModelSnapshot | None
    published: bool


def enough(customers: int) -> int:
    """Return the size of the first sample: the default, or half of a small population."""
    return min(LearnerPolicy.min_customers, customers // 2)


def learn(
    days: Iterable[Day], *, k: int = 6, seed: int = 1, first_sample: int = LearnerPolicy.min_customers
) -> Iterator[Learned]:
    """Sample customers at the end of each day, learn from them, and publish when the learner has a reason."""
    policy = replace(LearnerPolicy.for_half_life(HALF_LIFE_DAYS * DAY_S), min_customers=first_sample)
    learner = Learner(k, 1, policy)
    rng = np.random.default_rng([seed, 2])
    active: ModelSnapshot | None = None
    for day in days:
        wanted = FIRST_SAMPLE if active is None else SAMPLES_PER_DAY
        sampled = rng.choice(len(day.rows), min(wanted, len(day.rows)), replace=False)
        for at in sampled.tolist():
            learner.observe(day.customers[at], day.rows[at].tolist(), day.clock, day.mixes[at])
        reason = learner.advance(day.clock)
        if reason is not None:
            parent = active.version if active else 0
            active = learner.snapshot(day.clock, CREATED_AT, parent, reason)
        yield Learned(day, sampled, active, reason is not None)
