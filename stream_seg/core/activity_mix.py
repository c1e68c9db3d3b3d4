"""The activity mix of customers, which names and profiles of segments use. It does not assign customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .batch import CustomerBatch
from .decay import Decay
from .events.taxonomy import CHANNELS, FIRST_CHANNEL, INTERACTION_SLOT, SUMS
from .record import Columns

# Products viewed in 30 days, then the share (0..1) of each channel. The last number is the orders that the record
# counts, which do not decay.
VIEWS: Final = 0
CHANNEL_SHARES: Final = slice(1, 1 + len(CHANNELS))
ORDER_COUNT: Final = CHANNEL_SHARES.stop
MIX_SIZE: Final = ORDER_COUNT + 1

Matrix = npt.NDArray[np.float64]


class Mix(NamedTuple):
    """The mix of one customer: `MIX_SIZE` numbers, and the share (0..1) of each category by name."""

    numbers: Sequence[float]
    categories: dict[str, float]


UNKNOWN: Final = Mix((0.0,) * MIX_SIZE, {})


def compute(customers: Columns | CustomerBatch, now: Matrix, decay: Decay) -> Matrix:
    """Return the numbers of the mix (n, MIX_SIZE) of n customers, each at its own `now` (n,), epoch seconds.

    Shares are of the decayed actions with a channel. They are all 0 if there are none.
    """
    sums = np.maximum(customers["sums"], 0.0)
    fade = decay.factors(now, np.where(np.isfinite(customers["last_seen"]), customers["last_seen"], now))
    out = np.empty((len(customers), MIX_SIZE))
    with np.errstate(over="ignore"):
        out[:, VIEWS] = sums[:, INTERACTION_SLOT["product_viewed"]] * fade * decay.per_month
    out[:, CHANNEL_SHARES] = _shares(sums[:, FIRST_CHANNEL:SUMS])
    out[:, ORDER_COUNT] = np.maximum(customers["purchases"], 0)
    return out


def _shares(parts: Matrix) -> Matrix:
    """Return each row divided by its sum, zeros if that is 0. The largest divides first: sums may be near infinity."""
    largest = parts.max(axis=1, keepdims=True)
    scaled = np.divide(parts, largest, out=np.zeros_like(parts), where=largest > 0.0)
    total = scaled.sum(axis=1, keepdims=True)
    shares: Matrix = np.divide(scaled, total, out=np.zeros_like(parts), where=total > 0.0)
    return shares
