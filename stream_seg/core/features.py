"""Features: a fixed tuple of numbers computed from a behaviour at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .customer import Columns
from .decay import DAY_S, Decay
from .vocabulary import FIRST_CHANNEL, FIRST_INTERACTION, INTERACTION_SLOT, ORDERS, REFUNDED, SPEND
from .working_set import WorkingSet

FEATURES: Final = (
    "order_rate",  # orders per 30 days
    "spend_rate",  # money per 30 days, major units
    "basket_value",  # money per order, major units
    "recency_days",  # days since the last order; since first seen where there is none
    "gap_days",  # mean days between distinct purchase days; 0 with fewer than two
    "browse_rate",  # interactions per 30 days, less campaigns received: those are done to a customer
    "cart_rate",  # products added and checkouts started per 30 days
    "refund_share",  # share of money taken back, 0..1
)

# A customer whose orders have decayed below this has none that matter: what a basket was worth is then unknown.
_FAINT: Final = 1e-6
_SENT: Final = INTERACTION_SLOT["campaign_received"]
_CART: Final = (INTERACTION_SLOT["product_added"], INTERACTION_SLOT["checkout_started"])

Matrix = npt.NDArray[np.float64]


def compute(records: Columns | WorkingSet, now: Matrix, decay: Decay, minor_per_major: float = 100.0) -> Matrix:
    """Features (n, len(FEATURES)) of n customers, each at its own `now` (n,), epoch seconds.

    `records` are those of `customer.columns` or a working set. `minor_per_major` turns minor units into major ones
    (100 for cents). Rates are decayed estimates: a steady customer's order_rate is the orders they place in 30 days.
    """
    sums = records["sums"]
    fade = decay.factors(now, np.where(np.isfinite(records["last_seen"]), records["last_seen"], now))
    with np.errstate(over="ignore", invalid="ignore"):
        orders = np.maximum(sums[:, ORDERS] * fade, 0.0)
        spend = np.maximum(sums[:, SPEND] * fade, 0.0) / minor_per_major
        refunded = np.maximum(sums[:, REFUNDED] * fade, 0.0) / minor_per_major
        browsed = (sums[:, FIRST_INTERACTION:FIRST_CHANNEL].sum(axis=1) - sums[:, _SENT]) * fade
        carted = (sums[:, _CART[0]] + sums[:, _CART[1]]) * fade
    bought = records["last_purchase"] > -np.inf
    since = np.where(
        bought, records["last_purchase"], np.where(np.isfinite(records["first_seen"]), records["first_seen"], now)
    )
    out = np.empty((len(records), len(FEATURES)))
    out[:, 0] = orders * decay.per_month
    out[:, 1] = spend * decay.per_month
    out[:, 2] = np.divide(spend, orders, out=np.zeros_like(spend), where=orders > _FAINT)
    out[:, 3] = np.maximum(now - since, 0.0) / DAY_S
    out[:, 4] = _mean_gap_days(records)
    out[:, 5] = np.maximum(browsed, 0.0) * decay.per_month
    out[:, 6] = carted * decay.per_month
    gross = spend + refunded
    out[:, 7] = np.divide(refunded, gross, out=np.zeros_like(gross), where=gross > _FAINT)
    return out


def _mean_gap_days(records: Columns | WorkingSet) -> Matrix:
    """Mean gap between distinct purchase days, from the first, the last, and how many there were."""
    days = records["purchase_days"].astype(np.float64)
    spread = np.floor(records["last_purchase"] / DAY_S) - np.floor(records["first_purchase"] / DAY_S)
    gaps: Matrix = np.divide(spread, days - 1, out=np.zeros(len(records)), where=days > 1)
    return gaps
