"""Results of a recovery that a newer rebalance has superseded are ignored."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stream_seg.worker.faust.assignments import ignore_superseded_recoveries


class Recovery:
    """Faust's recovery service, as far as the patch uses it."""

    def __init__(self) -> None:
        self.completed: list[int] = []

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Note the generation."""
        self.completed.append(generation_id)


def application(generation: int, *, moving: bool = False) -> Any:
    """Return a patched application whose group is in `generation`."""
    tables = SimpleNamespace(recovery=Recovery(), changelog_queue=asyncio.Queue())
    app = SimpleNamespace(tables=tables, consumer_generation_id=generation, consumer=SimpleNamespace(moving=moving))
    ignore_superseded_recoveries(app)
    return app


@pytest.mark.parametrize(
    ("generation", "moving", "completed"),
    [(7, False, [7]), (8, False, []), (7, True, [])],
    ids=["its own", "of an older generation", "during a rebalance"],
)
def test_a_recovery_completes_only_its_own_assignment(generation: int, moving: bool, completed: list[int]) -> None:
    app = application(generation, moving=moving)
    asyncio.run(app.tables.recovery.on_recovery_completed(7))
    assert app.tables.recovery.completed == completed


def test_changelog_events_of_an_older_generation_are_skipped() -> None:
    async def story() -> list[int]:
        app = application(7)
        for generation in (6, 7, 6, 7):
            app.tables.changelog_queue.put_nowait(SimpleNamespace(message=SimpleNamespace(generation_id=generation)))
        return [(await app.tables.changelog_queue.get()).message.generation_id for _ in range(2)]

    assert asyncio.run(story()) == [7, 7]
