"""The recent sample: the newest features of the customers seen last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_seg.core.features import FEATURES

from .scaling import Matrix


class RecentCustomers:
    """At most `limit` customers; when one more comes, the one seen longest ago goes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rows: dict[str, tuple[float, ...]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, customer_id: str, row: Sequence[float]) -> None:
        """Keep a customer's newest row (len(FEATURES)) in place of an older one."""
        self._rows.pop(customer_id, None)
        self._rows[customer_id] = tuple(row)
        if len(self._rows) > self.limit:
            del self._rows[next(iter(self._rows))]

    def matrix(self) -> Matrix:
        """All rows (n, len(FEATURES)), the customer seen longest ago first."""
        return np.array(list(self._rows.values()), dtype=np.float64).reshape(-1, len(FEATURES))
