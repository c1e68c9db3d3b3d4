"""Features: a fixed tuple of numbers computed from a customer's record at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .batch import CustomerBatch
from .decay import DAY_S, Decay
from .events.taxonomy import FIRST_CHANNEL, FIRST_INTERACTION, INTERACTION_SLOT, ORDERS, REFUNDED, SPEND
from .feature_names import FEATURES
from .record import Columns

# Orders that have decayed below this do not count, because the basket value is unreliable then.
_NEGLIGIBLE: Final = 1e-6
_SENT: Final = INTERACTION_SLOT["campaign_received"]
# An order is overdue after one and a half of the customer's usual gaps. A pace then halves with every one and a half
# more. Gaps below three days count as three. Customers with one purchase day are assumed to buy once a month.
_OVERDUE_GAPS: Final = 1.5
_GAPS_TO_HALF: Final = 1.5
_SHORTEST_GAP_DAYS: Final = 3.0
_UNKNOWN_GAP_DAYS: Final = 30.0
# Records do not hold how often a customer browses. A quiet week is usual. The pace then halves every five more days.
_QUIET_DAYS: Final = 7.0
_QUIET_DAYS_TO_HALF: Final = 5.0
# Two halvings are enough. A customer far from all others would distort the clusters.
_HALVINGS: Final = 2.0
# A pace is kept constant for at most this many half-lives, because older activity has decayed to nothing.
_UNDONE_HALF_LIVES: Final = 4.0

_CART: Final = (INTERACTION_SLOT["product_added"], INTERACTION_SLOT["checkout_started"])

Matrix = npt.NDArray[np.float64]


def compute(customers: Columns | CustomerBatch, now: Matrix, decay: Decay, minor_per_major: float = 100.0) -> Matrix:
    """Return the features (n, len(FEATURES)) of n customers, each at its own `now` (n,), epoch seconds.

    `customers` are `record.columns` or a batch. `minor_per_major` turns minor units into major ones (100 for
    cents). Rates are decayed estimates. The order_rate of a steady customer is the orders placed in 30 days.
    """
    sums, seen = customers["sums"], np.ascontiguousarray(customers["last_seen"])
    fade = decay.factors(now, np.where(np.isfinite(seen), seen, now))
    with np.errstate(over="ignore", invalid="ignore"):
        orders = np.maximum(sums[:, ORDERS] * fade, 0.0)
        spend = np.maximum(sums[:, SPEND] * fade, 0.0) / minor_per_major
        refunded = np.maximum(sums[:, REFUNDED] * fade, 0.0) / minor_per_major
        # einsum, because sum(axis=1) over so few columns takes four times as long.
        acted = np.einsum("ij->i", sums[:, FIRST_INTERACTION:FIRST_CHANNEL]) - sums[:, _SENT]
        browsed = np.maximum(acted * fade, 0.0)
        carted = (sums[:, _CART[0]] + sums[:, _CART[1]]) * fade
    bought = np.ascontiguousarray(customers["last_purchase"])
    since = np.where(np.isfinite(bought), bought, customers["first_seen"])
    out = np.empty((len(FEATURES), len(customers))).T  # column order, because features are written one at a time
    rates = decay.per_month
    np.multiply(orders, rates, out=out[:, 0])
    np.multiply(spend, rates, out=out[:, 1])
    out[:, 2] = np.divide(spend, orders, out=np.zeros_like(spend), where=orders > _NEGLIGIBLE)
    out[:, 3] = _days_between(since, now)
    out[:, 4] = _mean_gap_days(customers, bought)
    np.multiply(browsed, rates, out=out[:, 5])
    np.multiply(carted, rates, out=out[:, 6])
    gross = spend + refunded
    out[:, 7] = np.divide(refunded, gross, out=np.zeros_like(gross), where=gross > _NEGLIGIBLE)
    pace = _order_pace_factor(out[:, 3], out[:, 4], decay)
    np.multiply(out[:, 0], pace, out=out[:, 8])
    np.multiply(out[:, 1], pace, out=out[:, 9])
    np.multiply(out[:, 5], _browse_pace_factor(_days_between(seen, now), decay), out=out[:, 10])
    return out


def _days_between(then: Matrix, now: Matrix) -> Matrix:
    """Return the days from `then` to `now` (n,), at least 0, and 0 if `then` is infinite."""
    days: Matrix = np.where(np.isfinite(then), np.maximum(now - then, 0.0), 0.0) / DAY_S
    return days


def _order_pace_factor(recency: Matrix, gap: Matrix, decay: Decay) -> Matrix:
    """Return the factors (n,) that turn rates into paces.

    A rate rises with every order and decays until the next. The factor undoes the decay until an order is overdue, and
    then speeds it up. The pace of perfectly regular orders is constant.
    """
    usual = np.where(gap > 0.0, np.maximum(gap, _SHORTEST_GAP_DAYS), _UNKNOWN_GAP_DAYS)
    late = np.maximum(recency / usual - _OVERDUE_GAPS, 0.0)
    undone = (recency - late * usual) * (DAY_S / decay.half_life_s)
    factor: Matrix = np.exp2(np.minimum(undone, _UNDONE_HALF_LIVES) - np.minimum(late / _GAPS_TO_HALF, _HALVINGS))
    return factor


def _browse_pace_factor(quiet: Matrix, decay: Decay) -> Matrix:
    """Return the same factors for browsing, which has no known rhythm, from the days (n,) since the last event."""
    usual = np.minimum(quiet, _QUIET_DAYS)
    late = np.minimum((quiet - usual) / _QUIET_DAYS_TO_HALF, _HALVINGS)
    factor: Matrix = np.exp2(np.minimum(usual * (DAY_S / decay.half_life_s), _UNDONE_HALF_LIVES) - late)
    return factor


def _mean_gap_days(customers: Columns | CustomerBatch, last: Matrix) -> Matrix:
    """Return the mean gaps (n,) in days between distinct purchase days, from the first, the last and their number."""
    days = customers["purchase_days"].astype(np.float64)
    spread = np.floor(last / DAY_S) - np.floor(customers["first_purchase"] / DAY_S)
    gaps: Matrix = np.divide(spread, days - 1, out=np.zeros(len(last)), where=days > 1)
    return gaps
