"""The limits that decide when a learner starts, starts afresh and publishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from stream_seg.core.feature_names import DEFAULT_FEATURES

from .scaling import Scaling

DAY_S = 86_400.0


@dataclass(frozen=True)
class LearnerPolicy:
    """Limits of a learner. Times are spans of stream time in seconds.

    Features count and decay over half-lives. Until about one half-life has passed, every customer looks newer and less
    frequent than they are, so the first model waits for `warm_up_s`. After that a challenger is started on the recent
    sample every `challenge_every_s`, one at a time. It wins when it saves `promote_gain` of the squared distance, and
    `promote_errors` standard errors of that, on at least `trial_samples` samples that neither side has learned. The
    defaults are measured, see docs/internals/clustering.md.
    """

    features: tuple[str, ...] = DEFAULT_FEATURES
    scaling: Scaling | None = None  # used as it is, otherwise the scale is fitted to the sample
    min_customers: int = 1_000  # distinct customers sampled before the first model
    warm_up_s: float = 30 * DAY_S
    challenge_every_s: float = 3 * DAY_S
    challenge_growth: float = 4.0  # a sample grown by this factor since the last start starts a challenger at once
    challenge_restarts: int = 4  # k-means++ runs of a challenger, of which the best counts
    trial_samples: int = 800  # or the number of customers in the recent sample, if that is smaller
    trial_longest: int = 4_000  # samples after which a challenger that is not clearly better is dropped
    promote_gain: float = 0.015
    promote_errors: float = 2.5
    outgrown: float = 1.5  # a scale that differs by this factor from the population's is replaced
    customers_per_cluster: int = 10  # enough for an early start when the stream is quiet
    recent_customers: int = 2_000
    learning_rate: float = 0.003  # share of the way that a center moves towards each sample
    publish_every_s: float = 7 * DAY_S
    publish_gap_s: float = DAY_S  # moved centers are not published more often than this
    publish_gain: float = 0.01  # moved centers are published when they save this share of the squared distance

    def __post_init__(self) -> None:
        if self.recent_customers < self.min_customers:
            raise ValueError(
                f"recent_customers is {self.recent_customers}: make it at least min_customers ({self.min_customers}), "
                "because it holds the first sample"
            )
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning_rate is {self.learning_rate}: choose a share between 0 and 1, such as 0.003")

    @classmethod
    def for_half_life(cls, half_life_s: float) -> Self:
        """Return the default policy for counts that decay with this half-life, in seconds."""
        return cls(warm_up_s=half_life_s)
