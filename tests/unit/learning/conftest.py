"""A reproducible population of customers of six known kinds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from stream_seg.core.feature_names import FEATURES

# order_rate, basket_value, browse_rate, carts per view, refund_share, gap_days, recency in gaps
KINDS = {
    "frequent big": (8.0, 90.0, 6.0, 0.3, 0.02, 4.0, 0.6),
    "frequent small": (9.0, 18.0, 4.0, 0.3, 0.01, 3.5, 0.6),
    "occasional": (1.2, 25.0, 3.0, 0.2, 0.02, 25.0, 0.7),
    "browsers": (0.35, 45.0, 30.0, 0.2, 0.03, 80.0, 0.7),
    "returners": (3.0, 80.0, 14.0, 0.4, 0.35, 10.0, 0.7),
    "lapsing": (0.6, 55.0, 1.0, 0.2, 0.02, 8.0, 7.0),
}
SHARES = (0.12, 0.22, 0.26, 0.16, 0.09, 0.15)


class People(NamedTuple):
    """Feature rows (n, len(FEATURES)) and the kind of each (n,)."""

    rows: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.intp]


@pytest.fixture(scope="session")
def people() -> People:
    """4,000 customers of the six `KINDS`."""
    rng = np.random.default_rng(2017)
    kinds = rng.choice(len(KINDS), 4_000, p=SHARES)
    orders, basket, browse, cart, refund, gap, away = np.array(list(KINDS.values()))[kinds].T
    around = np.exp(rng.normal(0, 0.35, (4_000, 6)))
    paced = np.exp2(-np.clip((away * around[:, 2] / around[:, 3] - 1.5) / 1.5, 0.0, 2.0))
    columns = {
        "order_rate": orders * around[:, 0],
        "spend_rate": orders * basket * around[:, 0] * around[:, 1],
        "basket_value": basket * around[:, 1],
        "recency_days": gap * away * around[:, 2],
        "gap_days": gap * around[:, 3],
        "browse_rate": browse * around[:, 4],
        "cart_rate": browse * cart * around[:, 4],
        "order_pace": orders * around[:, 0] * paced,
        "spend_pace": orders * basket * around[:, 0] * around[:, 1] * paced,
        "browse_pace": browse * around[:, 4],
        "refund_share": np.where(refund > 0.1, np.clip(refund * around[:, 5], 0, 1), 0.0),
    }
    return People(np.column_stack([columns[name] for name in FEATURES]), kinds)
