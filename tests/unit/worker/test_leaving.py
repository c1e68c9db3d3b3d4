"""A worker that ends does not wait without end until the broker has let it go."""

from __future__ import annotations

import asyncio

import pytest

from stream_seg.worker.faust import transport


class Coordinator:
    """aiokafka's coordinator as far as leaving goes, of a broker that does not answer."""

    generation = 3

    async def _maybe_leave_group(self) -> None:
        await asyncio.Event().wait()

    def reset_generation(self) -> None:
        self.generation = -1


def test_leaving_ends_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LEAVE_WITHIN_S", 0.01)
    coordinator = Coordinator()
    transport.leave_in_time(coordinator)
    asyncio.run(asyncio.wait_for(coordinator._maybe_leave_group(), 30.0))
    assert coordinator.generation == -1
