"""The lease: a worker that may have lost its partitions must not write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from stream_seg.clock import SYSTEM_CLOCK
from stream_seg.errors import LeaseLost

# On Linux the monotonic clock stands still while the machine is suspended, but sessions still run out.
_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def lease_time() -> float:
    """Return seconds on a monotonic clock that, where the system has one, also counts time while suspended."""
    return SYSTEM_CLOCK.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class HeartbeatLease:
    """A lease that holds while the last accepted heartbeat is younger than the session timeout.

    Times are seconds of `lease_time`. A worker that was stopped for longer (SIGSTOP, a suspended machine) does not know
    that other workers took over its partitions.
    """

    def __init__(
        self, session_timeout_s: float, last_heartbeat: Callable[[], float], now: Callable[[], float] = lease_time
    ) -> None:
        self.session_timeout_s = session_timeout_s
        self._last_heartbeat = last_heartbeat
        self._now = now

    @property
    def age_s(self) -> float:
        """Seconds since the last accepted heartbeat."""
        return self._now() - self._last_heartbeat()

    def check(self) -> None:
        """Raise LeaseLost when the session may have ended."""
        age = self.age_s
        if age > self.session_timeout_s:
            raise LeaseLost(
                f"no good heartbeat for {age:.1f} s, the session lasts {self.session_timeout_s:.0f} s: another worker"
                " may own these partitions. Unwritten events are dropped and will be read again. Restart this worker."
            )
