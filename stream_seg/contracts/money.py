"""Money as integer minor units of one base currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

import numpy as np

from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT

from . import reasons
from .currencies import EXPONENTS, minor_per_major
from .reasons import Refused, quoted

MAX_MINOR: Final = 2**32 - 1


class Money:
    """A converter for the amounts of events.

    `currency` is the base currency. `rates` holds the value of one unit of other currencies in it: `{"EUR": 1.08}`.
    Raises ValueError for an unknown code, or a rate that is not a positive number.
    """

    def __init__(self, currency: str, rates: Mapping[str, float]) -> None:
        minor = float(minor_per_major(currency))
        self._currency = currency
        self._minor = minor
        self._base: Final[frozenset[str | None]] = frozenset((None, "", currency))
        self._factors: dict[str | None, float] = {}
        for code, rate in rates.items():
            minor_per_major(code)
            if not (isfinite(rate) and rate > 0):
                raise ValueError(f"the rate of {code} is {rate!r}. It must be the value of one {code} in {currency}")
            self._factors[code] = rate * minor
        self._factors |= {None: minor, "": minor, currency: minor}

    def minor_units(self, events: Sequence[Mapping[str, Any]]) -> tuple[list[int], dict[int, Refused]]:
        """Return the amounts of n events in minor units, and the refused ones by position.

        The amount of a refused event has no meaning. An event without an amount has 0, a refund without one
        `ALL_THAT_IS_LEFT`.
        """
        amounts = np.array([event.get("amount") or 0.0 for event in events], np.float64)
        refused: dict[int, Refused] = {}
        factors: float | list[float] = self._minor
        if not {event.get("currency") for event in events} <= self._base:
            factors = [self._factor(at, event.get("currency"), refused) for at, event in enumerate(events)]
        with np.errstate(over="ignore"):
            scaled = amounts * factors
        scaled = np.rint(np.minimum(scaled, MAX_MINOR + 1.0))
        for at in np.flatnonzero(scaled > MAX_MINOR).tolist():
            amount = f"amount {events[at]['amount']!r} {events[at].get('currency') or self._currency}"
            limit = f"{MAX_MINOR / self._minor:,.2f} {self._currency}"
            refused.setdefault(at, Refused(reasons.AMOUNT_OUT_OF_RANGE, f"{amount} is more than {limit}."))
        minor: list[int] = scaled.astype(np.int64).tolist()
        if 0 in minor:
            for at, event in enumerate(events):
                if minor[at] == 0 and event.get("amount") is None and event.get("type") == "order_refunded":
                    minor[at] = ALL_THAT_IS_LEFT
        return minor, refused

    def _factor(self, at: int, currency: str | None, refused: dict[int, Refused]) -> float:
        code = currency.strip().upper() if currency else currency
        factor = self._factors.get(code)
        if factor is not None:
            return factor
        if code in EXPONENTS:
            detail = f"There is no rate for {code}. Set STREAM_SEG_RATES, such as '{{\"{code}\": 1.08}}'."
            refused[at] = Refused(reasons.CURRENCY_WITHOUT_RATE, detail)
        else:
            detail = f"currency {quoted(currency)} is not an ISO 4217 code. Write three letters such as USD."
            refused[at] = Refused(reasons.UNKNOWN_CURRENCY, detail)
        return 0.0
