"""Forward decay: old events weigh less, independent of the order in which they arrive.

An event at time t adds ``2 ** ((t - L) / half_life)`` to a sum, where L is a landmark (Cormode, Shkapenyuk,
Srivastava, Xu: Forward Decay, ICDE 2009). The value of the sum at time ``now`` is the sum times
``2 ** ((L - now) / half_life)``. No step depends on other events, so order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# Weights double with every half-life and would overflow a double after 1,024 half-lives. Landmarks are 256 half-lives
# apart. Moving a record to the next landmark multiplies its sums by 2 ** -256, which is exact.
LANDMARK_SPAN: Final = 256.0

DAY_S: Final = 86_400.0
RATE_PERIOD_S: Final = 30 * DAY_S
LN2: Final = 0.6931471805599453


@dataclass(frozen=True, slots=True)
class Decay:
    """Exponential decay with a half-life, in seconds."""

    half_life_s: float

    def landmark(self, t: float) -> int:
        """Return the number of the landmark for a record whose latest event is at `t` (epoch seconds)."""
        return int(t // (self.half_life_s * LANDMARK_SPAN))

    def weight(self, t: float, landmark: int) -> float:
        """Return the weight of an event at `t` in a sum that counts from `landmark`, 0 if it is too old to matter."""
        return float(2.0 ** (t / self.half_life_s - landmark * LANDMARK_SPAN))

    def bases(self, latest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the landmarks of records with these latest events, in half-lives (n,), or -inf without an event."""
        span_s = self.half_life_s * LANDMARK_SPAN
        landmarks = np.full(len(latest), -np.inf)
        np.floor_divide(latest, span_s, out=landmarks, where=np.isfinite(latest))  # exactly as landmark() does
        return landmarks * LANDMARK_SPAN

    def factors(self, now: npt.NDArray[np.float64], latest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the factors (n,) that turn sums of records into values at `now`, given their latest events."""
        return np.exp2(self.bases(latest) - now / self.half_life_s)

    @property
    def per_month(self) -> float:
        """The factor that turns the decayed count of a steady stream of events into events per 30 days."""
        return LN2 / self.half_life_s * RATE_PERIOD_S
