"""The names of the features, in the order of a feature matrix. `features.py` computes them."""

from __future__ import annotations

from typing import Final

FEATURES: Final = (
    "order_rate",  # orders per 30 days
    "spend_rate",  # money per 30 days, major units
    "basket_value",  # money per order, major units
    "recency_days",  # days since the last order, or since first seen without one
    "gap_days",  # mean days between distinct purchase days, 0 with fewer than two
    "browse_rate",  # interactions per 30 days, without campaigns received, which are not acts of the customer
    "cart_rate",  # products added and checkouts started per 30 days
    "refund_share",  # share of money taken back, 0..1
    "order_pace",  # orders per 30 days, constant until the next one is overdue, then decaying fast
    "spend_pace",  # money per 30 days, major units, likewise
    "browse_pace",  # interactions per 30 days, constant for a week after the last event, then decaying fast
)

# Steadier versions of the rates, for models. Profiles show the rates.
PACES: Final = ("order_pace", "spend_pace", "browse_pace")

# Features that models learn by default: order frequency, spend per month and per order, other activity, and refunds.
# docs/decisions/0016 explains why they are paces instead of rates, and which features were left out.
DEFAULT_FEATURES: Final = ("order_pace", "spend_pace", "basket_value", "browse_rate", "refund_share")
