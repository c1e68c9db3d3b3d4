"""What the embedded broker (Tansu 0.6) needs of a worker's consumer, and Apache Kafka does not.

What it needs of whoever asks for offsets is in `stream_seg.kafka.offsets`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest

# A fetch that lasted beyond this many times its wait, and some milliseconds for the way, was cut off.
OVERRUN: Final = 1.25
OVERRUN_MS: Final = 5.0
GROWTH: Final = 2.0  # of what the fetch that was cut off took
SHRINKAGE: Final = 0.9
LONGEST_WAIT_MS: Final = 5_000.0


def leave_formed_groups_only(coordinator: Any) -> None:
    """The embedded broker waits for ever for a leader that leaves while the group forms, but not for one that is late.

    So a member leaves only a group that stands, and lets its session run out otherwise.
    """
    leave: Callable[[], Any] = coordinator._maybe_leave_group

    async def left() -> None:
        if coordinator.generation > 0:
            asked = HeartbeatRequest(coordinator.group_id, coordinator.generation, coordinator.member_id)
            try:
                stands = (await coordinator._send_req(asked)).error_code == 0
            except KafkaError:
                stands = False
            if not stands:
                coordinator.reset_generation()
        await leave()

    coordinator._maybe_leave_group = left


def look_long_enough(fetcher: Any) -> None:
    """The embedded broker stops to look for records when the wait of a fetch is over, with what it has by then.

    It looks through all batches of a partition from the first. With thousands of them it finds a few in a short wait,
    or none, each time. So after a fetch that was cut off the next may take longer; and since a fetch that is held
    sees what comes at half of its wait, the wait goes back to what is wanted, bit by bit.
    """
    wanted_ms = float(fetcher._fetch_max_wait_ms)
    fetch: Callable[..., Any] = fetcher._proc_fetch_request

    async def timed(*what: Any) -> bool:
        begun = monotonic()
        found: bool = await fetch(*what)
        took_ms = (monotonic() - begun) * 1000
        fetcher._fetch_max_wait_ms = int(next_wait_ms(fetcher._fetch_max_wait_ms, took_ms, wanted_ms))
        return found

    fetcher._proc_fetch_request = timed


def next_wait_ms(wait_ms: float, took_ms: float, wanted_ms: float) -> float:
    """How long the next fetch may take at most, after one with `wait_ms` took `took_ms`."""
    if took_ms > OVERRUN * wait_ms + OVERRUN_MS:
        return min(LONGEST_WAIT_MS, GROWTH * took_ms)
    return max(wanted_ms, SHRINKAGE * wait_ms)
