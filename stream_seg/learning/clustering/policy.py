"""When to learn, when to begin afresh, and when to publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from stream_seg.core.features import DEFAULT_FEATURES

from .scaling import Scaling

DAY_S = 86_400.0


@dataclass(frozen=True)
class LearnerPolicy:
    """Limits of a learner; times are spans of stream time in seconds.

    Features count and decay over half-lives, so until about one has passed everyone looks newer and rarer than they
    are: hence `warm_up_s` before the first model. From then on a challenger is started on the recent sample every
    `challenge_every_s` (one at a time), and takes over when it saves `promote_gain` of the squared distance, and
    `promote_errors` standard errors of that, on `trial_samples` samples or more that neither side has learned. The
    numbers are measured: see docs/internals/clustering.md.
    """

    features: tuple[str, ...] = DEFAULT_FEATURES
    scaling: Scaling | None = None  # given, it is used as it is; else the scale is that of the sample
    min_customers: int = 1_000  # different customers sampled before the first model
    warm_up_s: float = 30 * DAY_S
    challenge_every_s: float = 3 * DAY_S
    challenge_growth: float = 4.0  # so many times the customers of the last start ask for a challenger at once
    challenge_restarts: int = 4  # k-means++ runs of a challenger; the best is taken
    trial_samples: int = 800  # or as many as there are customers in the recent sample, if they are fewer
    trial_longest: int = 4_000  # samples after which a challenger that is not clearly better is dropped
    promote_gain: float = 0.015
    promote_errors: float = 2.5
    outgrown: float = 1.5  # a scale that differs by this factor from the population's is left
    customers_per_cluster: int = 10  # enough for an early start when the stream is quiet
    recent_customers: int = 2_000
    halflife: float = 0.003  # River's name for the step towards each sample: not a time
    publish_every_s: float = 7 * DAY_S
    publish_gap_s: float = DAY_S  # moved centres are not published more often than this
    publish_gain: float = 0.01  # moved centres are published when they save this share of the squared distance

    def __post_init__(self) -> None:
        if self.recent_customers < self.min_customers:
            raise ValueError(
                f"recent_customers ({self.recent_customers}) holds the first sample: "
                f"make it at least min_customers ({self.min_customers})"
            )
        if not 0 < self.halflife < 1:
            raise ValueError(f"halflife is a step between 0 and 1, not {self.halflife}; 0.003 is good")

    @classmethod
    def for_half_life(cls, half_life_s: float) -> Self:
        """The usual policy where counts decay with this half-life, seconds."""
        return cls(warm_up_s=half_life_s)
