"""The clock as a value, so that every caller can be given another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Clock:
    """Two ways to read time, both in seconds.

    `wall` is epoch time and may jump when the machine's clock is set. `monotonic` only goes forward, and only
    differences between its readings mean something.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


SYSTEM_CLOCK: Final = Clock()
