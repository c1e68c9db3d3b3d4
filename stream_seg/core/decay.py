"""Forward decay: old events weigh less, whatever the order in which they arrive.

An event at time t adds ``2 ** ((t - L) / half_life)`` to a sum, where L is a landmark (Cormode, Shkapenyuk,
Srivastava, Xu: Forward Decay, ICDE 2009). The value of the sum at time ``now`` is the sum times
``2 ** ((L - now) / half_life)``. Neither step looks at other events, so order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# Weights grow by 2 a half-life and would overflow a double after 1,024 of them. Landmarks lie 256 half-lives
# apart; moving a record to the next one multiplies its sums by 2 ** -256, which loses not one bit.
LANDMARK_SPAN: Final = 256.0

DAY_S: Final = 86_400.0
RATE_PERIOD_S: Final = 30 * DAY_S
LN2: Final = 0.6931471805599453


@dataclass(frozen=True, slots=True)
class Decay:
    """Exponential decay with a half-life, in seconds."""

    half_life_s: float

    def landmark(self, t: float) -> int:
        """Number of the landmark that a record whose latest event is at `t` (epoch seconds) counts from."""
        return int(t // (self.half_life_s * LANDMARK_SPAN))

    def weight(self, t: float, landmark: int) -> float:
        """What an event at `t` adds to a sum that counts from `landmark`; 0 where it is too old to matter."""
        return float(2.0 ** (t / self.half_life_s - landmark * LANDMARK_SPAN))

    def bases(self, latest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What records with these latest events count from, in half-lives (n,); -inf for those without any."""
        span_s = self.half_life_s * LANDMARK_SPAN
        landmarks = np.full(len(latest), -np.inf)
        np.floor_divide(latest, span_s, out=landmarks, where=np.isfinite(latest))  # exactly as landmark() does
        return landmarks * LANDMARK_SPAN

    def factors(self, now: npt.NDArray[np.float64], latest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Per record (n,): what turns its sums into their values at `now`, given the time of its latest event."""
        return np.exp2(self.bases(latest) - now / self.half_life_s)

    @property
    def per_month(self) -> float:
        """Turns the decayed count of a steady stream of events into events per 30 days."""
        return LN2 / self.half_life_s * RATE_PERIOD_S
