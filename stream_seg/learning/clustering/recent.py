"""The recent sample: the newest features of the customers seen most recently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_seg.core.activity_mix import UNKNOWN, Mix
from stream_seg.core.feature_names import FEATURES

from .scaling import Matrix


class RecentCustomers:
    """At most `limit` customers. A new one replaces the one that was seen longest ago."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rows: dict[str, tuple[float, ...]] = {}
        self._mixes: dict[str, Mix] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, customer_id: str, row: Sequence[float], mix: Mix | None = None) -> None:
        """Store a customer's newest row (len(FEATURES)), and mix if known, in place of older ones."""
        self._rows.pop(customer_id, None)
        self._rows[customer_id] = tuple(row)
        if mix is not None:
            self._mixes[customer_id] = mix
        if len(self._rows) > self.limit:
            oldest = next(iter(self._rows))
            del self._rows[oldest]
            self._mixes.pop(oldest, None)

    def matrix(self) -> Matrix:
        """Return all rows (n, len(FEATURES)), the customer seen longest ago first."""
        return np.array(list(self._rows.values()), dtype=np.float64).reshape(-1, len(FEATURES))

    def mixes(self) -> list[Mix]:
        """Return all mixes in the order of `matrix`."""
        return [self._mixes.get(customer_id, UNKNOWN) for customer_id in self._rows]
