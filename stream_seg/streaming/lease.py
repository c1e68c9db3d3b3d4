"""The lease: a worker that may have lost its partitions must not write."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from .checkpoint import LeaseLost


class HeartbeatLease:
    """Holds while the last good heartbeat is younger than the session timeout, both seconds of monotonic time.

    Stopped (SIGSTOP, a suspended machine) for longer, a worker wakes not knowing that others took over.
    """

    def __init__(self, session_timeout_s: float, last_heartbeat: Callable[[], float]) -> None:
        self.session_timeout_s = session_timeout_s
        self._last_heartbeat = last_heartbeat

    @property
    def age_s(self) -> float:
        """Seconds since the last good heartbeat."""
        return monotonic() - self._last_heartbeat()

    def check(self) -> None:
        """Raise LeaseLost when the session may have ended."""
        age = self.age_s
        if age > self.session_timeout_s:
            raise LeaseLost(
                f"no good heartbeat for {age:.1f} s, the session lasts {self.session_timeout_s:.0f} s: another worker"
                " may own these partitions. What gathered is dropped and will be read again; restart this worker."
            )
