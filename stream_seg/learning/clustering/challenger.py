"""The challenger: freshly found clusters that replace the active ones when they prove better on new samples.

Centers that only move stay in a local minimum when the structure of a population changes at once, as when a campaign
begins. A fresh start finds the new structure, but it ends in another local minimum every time. It is therefore compared
with the active clusters on samples that neither side has learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import Any

import numpy as np

from stream_seg.core.feature_names import FEATURES

from .clusters import Clusters, squares
from .policy import LearnerPolicy


class Outcome(Enum):
    """The outcome of a trial so far."""

    UNDECIDED = "undecided"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class Verdict:
    """The result of a challenger on `held_out` customers.

    `before` and `after` are the mean squared distances of the customers to the active centers and to the challenger's.
    `error` is the standard error of the gain.
    """

    held_out: int = 0
    before: float = 0.0
    after: float = 0.0
    error: float = 0.0

    @property
    def gain(self) -> float:
        """The share of squared distance that the challenger saves. It is below 0 where the challenger is worse."""
        return (self.before - self.after) / self.before if self.before > 0 else 0.0

    def outcome(self, policy: LearnerPolicy, fewest: int) -> Outcome:
        """Return whether the challenger has won or lost. Below `fewest` customers the trial is undecided.

        It wins when the gain is large enough and significant. It loses when the gain is unlikely to become so.
        """
        if self.held_out < fewest:
            return Outcome.UNDECIDED
        slack = policy.promote_errors * self.error
        if self.gain > 0 and self.gain >= max(policy.promote_gain, slack):
            return Outcome.WON
        hopeless = self.gain + slack < policy.promote_gain
        return Outcome.LOST if hopeless or self.held_out >= policy.trial_longest else Outcome.UNDECIDED

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the `evidence` of a snapshot."""
        return {
            "held_out": self.held_out,
            "distance_before": round(self.before, 6),
            "distance_after": round(self.after, 6),
            "gain": round(self.gain, 4),
            "gain_error": round(self.error, 4),
        }


class Trial:
    """A comparison of a challenger with the active clusters, in the challenger's scale.

    The challenger's scale is that of the current population. `add` each sample once, then call `score` after each
    batch. Both sides are scored with their centers as they were before they learned the batch.
    """

    def __init__(self, challenger: Clusters, active: Clusters) -> None:
        self.challenger = challenger
        self._active = active.seen_from(challenger.scaling)
        self._unscored: list[Sequence[float]] = []
        self._n = 0
        self._sums = np.zeros(2)  # of the squared distance to the active centers, and of the challenger's saving
        self._products = np.zeros((2, 2))

    def add(self, row: Sequence[float]) -> None:
        """Add a sampled customer (len(FEATURES)) to the next batch."""
        self._unscored.append(row)

    def score(self, active: Clusters) -> None:
        """Score the customers added since the last call. `active` has learned them already."""
        scaling = self.challenger.scaling
        points = scaling.points(np.array(self._unscored, dtype=np.float64).reshape(-1, len(FEATURES)))
        self._unscored.clear()
        before = squares(points, self._active)
        both = np.column_stack((before, before - squares(points, self.challenger.centers)))
        self._n += len(both)
        self._sums += both.sum(axis=0)
        self._products += both.T @ both
        self._active = active.seen_from(scaling)

    @property
    def verdict(self) -> Verdict:
        """The result so far."""
        n, (cost, saved) = self._n, self._sums.tolist()
        if n < 2 or cost <= 0.0:
            return Verdict(n)
        # The standard error of a ratio of two means over the same customers.
        slope = np.array([-saved / cost, 1.0])
        residual = max(float(slope @ self._products @ slope), 0.0) / (n - 1)
        return Verdict(n, cost / n, (cost - saved) / n, sqrt(residual * n) / cost)
