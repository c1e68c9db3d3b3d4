"""The lease limits how long a worker may write after its last good heartbeat."""

from __future__ import annotations

import time

import pytest

from stream_seg.errors import LeaseLost
from stream_seg.worker.faust.lease import HeartbeatLease, lease_time


def test_it_holds_for_a_session_after_the_last_good_heartbeat() -> None:
    now = 1_000.0
    lease = HeartbeatLease(10.0, lambda: 995.0, lambda: now)
    assert lease.age_s == 5.0
    lease.check()
    now = 1_005.0
    lease.check()
    now = 1_005.1
    with pytest.raises(LeaseLost, match=r"no good heartbeat for 10\.1 s, the session lasts 10 s"):
        lease.check()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that goes on while suspended")
def test_its_clock_goes_on_while_the_machine_is_suspended() -> None:
    before, now, after = (
        time.clock_gettime(time.CLOCK_BOOTTIME),
        lease_time(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
    )
    assert before <= now <= after
