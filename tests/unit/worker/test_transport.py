"""What comes of a recovery after the rebalance that ended it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stream_seg.worker.faust.transport import keep_assignments_apart


class Recovery:
    """Faust's, as far as it is asked."""

    def __init__(self) -> None:
        self.completed: list[int] = []

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Note that it is told."""
        self.completed.append(generation_id)


def application(generation: int, *, moving: bool = False) -> Any:
    """An application whose group is in a generation."""
    tables = SimpleNamespace(recovery=Recovery(), changelog_queue=asyncio.Queue())
    app = SimpleNamespace(tables=tables, consumer_generation_id=generation, consumer=SimpleNamespace(moving=moving))
    keep_assignments_apart(app)
    return app


@pytest.mark.parametrize(
    ("generation", "moving", "told"),
    [(7, False, [7]), (8, False, []), (7, True, [])],
    ids=["its own", "of a generation that is over", "while partitions move"],
)
def test_the_end_of_a_recovery_counts_for_its_own_assignment(generation: int, moving: bool, told: list[int]) -> None:
    app = application(generation, moving=moving)
    asyncio.run(app.tables.recovery.on_recovery_completed(7))
    assert app.tables.recovery.completed == told


def test_events_of_a_generation_that_is_over_are_not_read() -> None:
    async def story() -> list[int]:
        app = application(7)
        for generation in (6, 7, 6, 7):
            app.tables.changelog_queue.put_nowait(SimpleNamespace(message=SimpleNamespace(generation_id=generation)))
        return [(await app.tables.changelog_queue.get()).message.generation_id for _ in range(2)]

    assert asyncio.run(story()) == [7, 7]
