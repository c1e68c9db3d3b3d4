"""Membership in the consumer group: heartbeats for the lease, a duplicate INSTANCE_ID, and a bounded leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import JoinGroupRequest

from stream_seg.errors import WorkerError

# Pause before the next heartbeat when the broker does not accept one.
HEARTBEAT_RETRY_S: Final = 0.5
# Longest wait for the broker's answer to a leave request. A join request of ours may stand before it on the same
# connection, and the broker answers that one only when the other members have joined, too.
LEAVE_WITHIN_S: Final = 5.0
# The member id of a consumer that has not joined, or that the broker no longer knows.
NO_MEMBER: Final = JoinGroupRequest.UNKNOWN_MEMBER_ID


class NameTaken(KafkaError, WorkerError):  # type: ignore[misc]
    """Another worker has joined the group under this one's INSTANCE_ID, or the session ended. Writing must stop.

    A KafkaError because it is raised inside aiokafka's coordinator, which lets only those pass.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"another worker has joined as {self.name!r}, or this one's session ended. Give each worker an INSTANCE_ID"
            " of its own. Unwritten events are dropped and will be read again"
        )


def watch_heartbeats(
    coordinator: Any,
    now: Callable[[], float],
    on_accepted: Callable[[float], None],
    on_name_taken: Callable[[NameTaken], None],
) -> Callable[[], Awaitable[bool]]:
    """Report each accepted heartbeat, and return a check whether the broker still counts this member in.

    `coordinator` is an aiokafka `GroupCoordinator`. `on_accepted` gets the time of `now` when the heartbeat was sent.
    `on_name_taken` is called when the broker gave this static member's name to another one. The check sends heartbeats
    until the broker accepts one (True), or no longer knows this member and will assign anew (False).

    Patches: `GroupCoordinator._do_heartbeat`, `GroupCoordinator._group_instance_id`
    Why: The lease needs the time of the last accepted heartbeat, and aiokafka does not publish it. A static member
        whose name is taken would join again and take the name back, without end.
    Remove when: aiokafka calls a listener for each heartbeat, and stops a fenced static member.
    Test: tests/unit/worker/faust/test_membership.py
    """
    heartbeat: Callable[[], Any] = coordinator._do_heartbeat

    async def watched() -> bool:
        sent_at = now()
        accepted: bool = await heartbeat()
        if accepted:
            on_accepted(sent_at)
        elif coordinator._group_instance_id is not None and coordinator.member_id == NO_MEMBER:
            taken = NameTaken(coordinator._group_instance_id)
            on_name_taken(taken)
            raise taken
        return accepted

    async def counted_in() -> bool:
        while not await watched():
            if coordinator.member_id == NO_MEMBER:
                return False
            await asyncio.sleep(HEARTBEAT_RETRY_S)
        return True

    coordinator._do_heartbeat = watched
    return counted_in


def leave_in_time(coordinator: Any, within_s: float = LEAVE_WITHIN_S) -> None:
    """Stop waiting for the broker's answer to a leave request after `within_s` seconds.

    The broker then ends the membership when the session times out.

    Patches: `GroupCoordinator._maybe_leave_group`
    Why: aiokafka waits for the answer without limit, so a worker could not end while its group forms.
    Remove when: aiokafka limits the wait.
    Test: tests/unit/worker/faust/test_membership.py
    """
    leave: Callable[[], Any] = coordinator._maybe_leave_group

    async def bounded() -> None:
        try:
            async with asyncio.timeout(within_s):
                await leave()
        except TimeoutError:
            coordinator.reset_generation()

    coordinator._maybe_leave_group = bounded
