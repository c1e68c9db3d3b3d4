"""The lease: a worker may write for one session after its last good heartbeat."""

from __future__ import annotations

import time

import pytest

from stream_seg.errors import LeaseLost
from stream_seg.worker.faust.lease import HeartbeatLease, awake_or_not


def test_the_lease_holds_for_a_session_after_the_last_good_heartbeat() -> None:
    now = 1_000.0
    lease = HeartbeatLease(10.0, lambda: 995.0, lambda: now)
    assert lease.age_s == 5.0
    lease.check()
    now = 1_005.0
    lease.check()
    now = 1_005.1
    with pytest.raises(LeaseLost, match=r"no good heartbeat for 10\.1 s, the session lasts 10 s"):
        lease.check()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that includes suspended time")
def test_the_clock_of_the_lease_includes_suspended_time() -> None:
    before, now, after = (
        time.clock_gettime(time.CLOCK_BOOTTIME),
        awake_or_not(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
    )
    assert before <= now <= after
