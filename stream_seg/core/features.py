"""Features: a fixed tuple of numbers computed from a behaviour at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .batch import CustomerBatch
from .decay import DAY_S, Decay
from .events.taxonomy import FIRST_CHANNEL, FIRST_INTERACTION, INTERACTION_SLOT, ORDERS, REFUNDED, SPEND
from .record import Columns

FEATURES: Final = (
    "order_rate",  # orders per 30 days
    "spend_rate",  # money per 30 days, major units
    "basket_value",  # money per order, major units
    "recency_days",  # days since the last order; since first seen where there is none
    "gap_days",  # mean days between distinct purchase days; 0 with fewer than two
    "browse_rate",  # interactions per 30 days, less campaigns received: those are done to a customer
    "cart_rate",  # products added and checkouts started per 30 days
    "refund_share",  # share of money taken back, 0..1
    "order_pace",  # orders per 30 days, held while the next one is not due, and fading fast once it is overdue
    "spend_pace",  # money per 30 days, major units, likewise
    "browse_pace",  # interactions per 30 days, held for a week after anything was seen, then fading fast
)

# The same quantities as rates, made calm for models: profiles tell people the rates.
PACES: Final = ("order_pace", "spend_pace", "browse_pace")

# What is learned where the settings say nothing: how often they buy, for how much a month and at a time, how much else
# they do, how much goes back. docs/decisions/0016 says why paces and not rates, and what was left out.
DEFAULT_FEATURES: Final = ("order_pace", "spend_pace", "basket_value", "browse_rate", "refund_share")

# A customer whose orders have decayed below this has none that matter: what a basket was worth is then unknown.
_FAINT: Final = 1e-6
_SENT: Final = INTERACTION_SLOT["campaign_received"]
# An order is overdue after one and a half of the customer's usual gaps; a pace then halves with every one and a half
# more. Gaps below three days count as three, and who bought on one day only is taken to come once a month.
_OVERDUE_GAPS: Final = 1.5
_GAPS_TO_HALF: Final = 1.5
_SHORTEST_GAP_DAYS: Final = 3.0
_UNKNOWN_GAP_DAYS: Final = 30.0
# How often somebody browses is not recorded: quiet for a week is usual, then the pace halves every five days more.
_QUIET_DAYS: Final = 7.0
_QUIET_DAYS_TO_HALF: Final = 5.0
# Two halvings are enough: a customer far from everyone else would cost the clusters more than it tells.
_HALVINGS: Final = 2.0
# However long the rhythm, a pace is held for so many half-lives at most: of what is older nothing is left to hold.
_HELD_HALF_LIVES: Final = 4.0

_CART: Final = (INTERACTION_SLOT["product_added"], INTERACTION_SLOT["checkout_started"])

Matrix = npt.NDArray[np.float64]


def compute(records: Columns | CustomerBatch, now: Matrix, decay: Decay, minor_per_major: float = 100.0) -> Matrix:
    """Features (n, len(FEATURES)) of n customers, each at its own `now` (n,), epoch seconds.

    `records` are those of `customer.columns` or a working set. `minor_per_major` turns minor units into major ones
    (100 for cents). Rates are decayed estimates: a steady customer's order_rate is the orders they place in 30 days.
    """
    sums, seen = records["sums"], np.ascontiguousarray(records["last_seen"])
    fade = decay.factors(now, np.where(np.isfinite(seen), seen, now))
    with np.errstate(over="ignore", invalid="ignore"):
        orders = np.maximum(sums[:, ORDERS] * fade, 0.0)
        spend = np.maximum(sums[:, SPEND] * fade, 0.0) / minor_per_major
        refunded = np.maximum(sums[:, REFUNDED] * fade, 0.0) / minor_per_major
        # einsum, since sum(axis=1) over so few columns takes four times as long.
        acted = np.einsum("ij->i", sums[:, FIRST_INTERACTION:FIRST_CHANNEL]) - sums[:, _SENT]
        browsed = np.maximum(acted * fade, 0.0)
        carted = (sums[:, _CART[0]] + sums[:, _CART[1]]) * fade
    bought = np.ascontiguousarray(records["last_purchase"])
    since = np.where(np.isfinite(bought), bought, records["first_seen"])
    out = np.empty((len(FEATURES), len(records))).T  # a feature at a time is written, and read
    rates = decay.per_month
    np.multiply(orders, rates, out=out[:, 0])
    np.multiply(spend, rates, out=out[:, 1])
    out[:, 2] = np.divide(spend, orders, out=np.zeros_like(spend), where=orders > _FAINT)
    out[:, 3] = _days_between(since, now)
    out[:, 4] = _mean_gap_days(records, bought)
    np.multiply(browsed, rates, out=out[:, 5])
    np.multiply(carted, rates, out=out[:, 6])
    gross = spend + refunded
    out[:, 7] = np.divide(refunded, gross, out=np.zeros_like(gross), where=gross > _FAINT)
    held = _held_by_rhythm(out[:, 3], out[:, 4], decay)
    np.multiply(out[:, 0], held, out=out[:, 8])
    np.multiply(out[:, 1], held, out=out[:, 9])
    np.multiply(out[:, 5], _held_for_a_week(_days_between(seen, now), decay), out=out[:, 10])
    return out


def _days_between(then: Matrix, now: Matrix) -> Matrix:
    """Days from `then` to `now` (n,), at least 0; 0 for what never was."""
    days: Matrix = np.where(np.isfinite(then), np.maximum(now - then, 0.0), 0.0) / DAY_S
    return days


def _held_by_rhythm(recency: Matrix, gap: Matrix, decay: Decay) -> Matrix:
    """What makes a pace of a rate (n,): it undoes the fading until an order is overdue, then hastens it.

    A rate climbs with every order and sinks until the next. Were orders as regular as clockwork, this would be level.
    """
    usual = np.where(gap > 0.0, np.maximum(gap, _SHORTEST_GAP_DAYS), _UNKNOWN_GAP_DAYS)
    late = np.maximum(recency / usual - _OVERDUE_GAPS, 0.0)
    held = (recency - late * usual) * (DAY_S / decay.half_life_s)
    factor: Matrix = np.exp2(np.minimum(held, _HELD_HALF_LIVES) - np.minimum(late / _GAPS_TO_HALF, _HALVINGS))
    return factor


def _held_for_a_week(quiet: Matrix, decay: Decay) -> Matrix:
    """The same where no rhythm is known, from the days (n,) since anything was seen."""
    held = np.minimum(quiet, _QUIET_DAYS)
    late = np.minimum((quiet - held) / _QUIET_DAYS_TO_HALF, _HALVINGS)
    factor: Matrix = np.exp2(np.minimum(held * (DAY_S / decay.half_life_s), _HELD_HALF_LIVES) - late)
    return factor


def _mean_gap_days(records: Columns | CustomerBatch, last: Matrix) -> Matrix:
    """Mean gap between distinct purchase days, from the first, the last, and how many there were."""
    days = records["purchase_days"].astype(np.float64)
    spread = np.floor(last / DAY_S) - np.floor(records["first_purchase"] / DAY_S)
    gaps: Matrix = np.divide(spread, days - 1, out=np.zeros(len(last)), where=days > 1)
    return gaps
