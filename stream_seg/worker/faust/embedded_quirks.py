"""Patches of a consumer that only the embedded broker (Tansu 0.6) needs.

Its wrong answers to requests for offsets are handled in `stream_seg.kafka.offsets`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest

from stream_seg.clock import SYSTEM_CLOCK, Clock

# The broker cut a fetch off when it took longer than this many times its wait, plus some milliseconds on the network.
OVERRUN: Final = 1.25
OVERRUN_MS: Final = 5.0
GROWTH: Final = 2.0  # the next wait, relative to the duration of the fetch that was cut off
SHRINKAGE: Final = 0.9
LONGEST_WAIT_MS: Final = 5_000.0


def leave_formed_groups_only(coordinator: Any) -> None:
    """Send a leave request only to a group that has formed. Otherwise let the session time out.

    `coordinator` is an aiokafka `GroupCoordinator`.

    Patches: `GroupCoordinator._maybe_leave_group`, `GroupCoordinator._send_req` (read only)
    Why: When a leader leaves while its group forms, the embedded broker waits for it without end. It does not wait for
        a leader that is late.
    Remove when: The embedded broker elects a new leader in that case.
    Test: tests/integration/test_leaving.py
    """
    leave: Callable[[], Any] = coordinator._maybe_leave_group

    async def leave_if_formed() -> None:
        if coordinator.generation > 0:
            request = HeartbeatRequest(coordinator.group_id, coordinator.generation, coordinator.member_id)
            try:
                formed = (await coordinator._send_req(request)).error_code == 0
            except KafkaError:
                formed = False
            if not formed:
                coordinator.reset_generation()
        await leave()

    coordinator._maybe_leave_group = leave_if_formed


def look_long_enough(fetcher: Any, clock: Clock = SYSTEM_CLOCK) -> None:
    """Lengthen the wait of fetches that the embedded broker cuts off, and shorten it again step by step.

    `fetcher` is an aiokafka `Fetcher`. The wait that it starts with is the shortest. A fetch that waits sees new
    records after half of its wait, which is why a long wait does not stay.

    Patches: `Fetcher._fetch_max_wait_ms`, `Fetcher._proc_fetch_request`
    Why: The embedded broker scans all batches of a partition from the first, and stops when the wait is over. With
        thousands of batches, each short wait finds few records or none.
    Remove when: The embedded broker has an index of its batches.
    Test: tests/integration/test_long_history.py
    """
    wanted_ms = float(fetcher._fetch_max_wait_ms)
    fetch: Callable[..., Any] = fetcher._proc_fetch_request

    async def timed(*arguments: Any) -> bool:
        begun = clock.monotonic()
        found: bool = await fetch(*arguments)
        took_ms = (clock.monotonic() - begun) * 1000
        fetcher._fetch_max_wait_ms = int(next_wait_ms(fetcher._fetch_max_wait_ms, took_ms, wanted_ms))
        return found

    fetcher._proc_fetch_request = timed


def next_wait_ms(wait_ms: float, took_ms: float, wanted_ms: float) -> float:
    """Return the longest wait of the next fetch, after a fetch with `wait_ms` took `took_ms`. All are milliseconds."""
    if took_ms > OVERRUN * wait_ms + OVERRUN_MS:
        return min(LONGEST_WAIT_MS, GROWTH * took_ms)
    return max(wanted_ms, SHRINKAGE * wait_ms)
