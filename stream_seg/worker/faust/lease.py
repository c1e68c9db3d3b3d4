"""The lease: a worker that may have lost its partitions must not write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from stream_seg.errors import LeaseLost

# On Linux the monotonic clock stands still while the machine is suspended, and sessions run out all the same.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def awake_or_not() -> float:
    """Seconds on a clock that only goes forward and, where the system has one, goes on while it is suspended."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class HeartbeatLease:
    """Holds while the last good heartbeat is younger than the session timeout, both seconds of `awake_or_not`.

    Stopped (SIGSTOP, a suspended machine) for longer, a worker wakes not knowing that others took over.
    """

    def __init__(
        self, session_timeout_s: float, last_heartbeat: Callable[[], float], now: Callable[[], float] = awake_or_not
    ) -> None:
        self.session_timeout_s = session_timeout_s
        self._last_heartbeat = last_heartbeat
        self._now = now

    @property
    def age_s(self) -> float:
        """Seconds since the last good heartbeat."""
        return self._now() - self._last_heartbeat()

    def check(self) -> None:
        """Raise LeaseLost when the session may have ended."""
        age = self.age_s
        if age > self.session_timeout_s:
            raise LeaseLost(
                f"no good heartbeat for {age:.1f} s, the session lasts {self.session_timeout_s:.0f} s: another worker"
                " may own these partitions. What gathered is dropped and will be read again; restart this worker."
            )
