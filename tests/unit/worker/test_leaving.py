"""A worker that stops does not wait forever for the broker to confirm that it left."""

from __future__ import annotations

import asyncio

import pytest

from stream_seg.worker.faust import transport


class Coordinator:
    """The part of aiokafka's coordinator that leaves the group. The broker does not answer."""

    generation = 3

    async def _maybe_leave_group(self) -> None:
        await asyncio.Event().wait()

    def reset_generation(self) -> None:
        self.generation = -1


def test_leaving_ends_without_an_answer_from_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LEAVE_WITHIN_S", 0.01)
    coordinator = Coordinator()
    transport.leave_in_time(coordinator)
    asyncio.run(asyncio.wait_for(coordinator._maybe_leave_group(), 30.0))
    assert coordinator.generation == -1
