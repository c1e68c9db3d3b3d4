"""Keeps the results of one assignment out of the next."""

from __future__ import annotations

from typing import Any


def ignore_superseded_recoveries(app: Any) -> None:
    """Ignore the results of a table recovery that a newer rebalance has superseded.

    Patches: `app.tables.recovery.on_recovery_completed`, `app.tables.changelog_queue.get`
    Why: Faust continues a recovery until the next one begins. Its completion would pass for the completion of the next
        recovery, which has read nothing yet. An event of it would count as read, and the next recovery would start
        behind that event.
    Remove when: Faust compares the generation itself in both places.
    Test: tests/unit/worker/faust/test_assignments.py
    """
    recovery, queue = app.tables.recovery, app.tables.changelog_queue
    complete, get = recovery.on_recovery_completed, queue.get

    async def complete_if_current(generation_id: int = 0) -> None:
        if generation_id == app.consumer_generation_id and not app.consumer.moving:
            await complete(generation_id)

    async def get_current() -> Any:
        while True:
            event = await get()
            if event.message.generation_id == app.consumer_generation_id:
                return event

    recovery.on_recovery_completed, queue.get = complete_if_current, get_current
