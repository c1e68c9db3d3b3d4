"""The challenger: clusters started afresh, which take over when they prove clearly better on samples not yet learned.

Centres that only move stay in a local minimum when the structure of a population changes at once, as when a campaign
begins. A fresh start finds the new structure, but is another local minimum every time: it must earn its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import Any

import numpy as np

from .clusters import Clusters, squares
from .policy import LearnerPolicy
from .scaling import Matrix


class Outcome(Enum):
    """What becomes of a trial."""

    GOES_ON = "goes on"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True)
class Verdict:
    """How a challenger did on `held_out` customers: mean squared distance of those in force and of its own.

    `error` is the standard error of the gain.
    """

    held_out: int = 0
    before: float = 0.0
    after: float = 0.0
    error: float = 0.0

    @property
    def gain(self) -> float:
        """The share of squared distance that the challenger saves; below 0 where it is worse."""
        return (self.before - self.after) / self.before if self.before > 0 else 0.0

    def outcome(self, policy: LearnerPolicy, fewest: int) -> Outcome:
        """Won when the gain is large enough and no accident, lost when it will hardly become so."""
        if self.held_out < fewest:
            return Outcome.GOES_ON
        slack = policy.promote_errors * self.error
        if self.gain > 0 and self.gain >= max(policy.promote_gain, slack):
            return Outcome.WON
        hopeless = self.gain + slack < policy.promote_gain
        return Outcome.LOST if hopeless or self.held_out >= policy.trial_longest else Outcome.GOES_ON

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "held_out": self.held_out,
            "distance_before": round(self.before, 6),
            "distance_after": round(self.after, 6),
            "gain": round(self.gain, 4),
            "gain_error": round(self.error, 4),
        }


class Trial:
    """A challenger beside the clusters in force, in the challenger's scale: that of the population as it is now.

    Judge each sample once; centres of both sides are taken as they were before they learned it.
    """

    def __init__(self, challenger: Clusters, held: Clusters) -> None:
        self.challenger = challenger
        self._held = held.seen_from(challenger.scaling)
        self._n = 0
        self._sums = np.zeros(2)  # of the squared distance to those in force, and of what the challenger saves
        self._products = np.zeros((2, 2))

    def judge(self, rows: Matrix, held: Clusters) -> None:
        """Score customers (n, len(FEATURES)) seen since the last call; `held` has learned them by now."""
        scaling = self.challenger.scaling
        points = scaling.points(rows)
        before = squares(points, self._held)
        both = np.column_stack((before, before - squares(points, self.challenger.centers)))
        self._n += len(both)
        self._sums += both.sum(axis=0)
        self._products += both.T @ both
        self._held = held.seen_from(scaling)

    @property
    def verdict(self) -> Verdict:
        """How it stands by now."""
        n, (cost, saved) = self._n, self._sums.tolist()
        if n < 2 or cost <= 0.0:
            return Verdict(n)
        # The error of a ratio of two means over the same customers.
        slope = np.array([-saved / cost, 1.0])
        residual = max(float(slope @ self._products @ slope), 0.0) / (n - 1)
        return Verdict(n, cost / n, (cost - saved) / n, sqrt(residual * n) / cost)
