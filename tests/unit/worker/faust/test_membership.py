"""Heartbeats renew the lease, a taken name ends the worker, and leaving the group takes limited time."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from stream_seg.worker.faust import membership
from stream_seg.worker.faust.membership import NO_MEMBER, NameTaken, leave_in_time, watch_heartbeats


class Coordinator:
    """aiokafka's coordinator as far as membership goes. `answers` says which heartbeats the broker accepts."""

    generation = 3
    member_id = "member"
    _group_instance_id: str | None = None

    def __init__(self, *answers: bool) -> None:
        self._answers = iter(answers)

    async def _do_heartbeat(self) -> bool:
        return next(self._answers)

    async def _maybe_leave_group(self) -> None:
        await asyncio.Event().wait()

    def reset_generation(self) -> None:
        """Forget the membership."""
        self.generation = -1


class Watched:
    """A coordinator whose heartbeats are watched by a clock that counts its readings."""

    def __init__(self, *answers: bool, name: str | None = None, member_id: str = "member") -> None:
        self.coordinator = Coordinator(*answers)
        self.coordinator._group_instance_id, self.coordinator.member_id = name, member_id
        self.accepted: list[float] = []
        self.taken: list[str] = []
        readings = count(100)
        self.counted_in = watch_heartbeats(
            self.coordinator,
            lambda: float(next(readings)),
            self.accepted.append,
            lambda taken: self.taken.append(taken.name),
        )


def test_only_accepted_heartbeats_renew_the_lease_from_when_they_were_sent() -> None:
    async def story() -> Watched:
        watched = Watched(True, False, True)
        for _ in range(3):
            await watched.coordinator._do_heartbeat()
        return watched

    watched = asyncio.run(story())
    assert (watched.accepted, watched.taken) == ([100.0, 102.0], [])


def test_a_static_member_whose_name_is_taken_stops() -> None:
    watched = Watched(False, name="w1", member_id=NO_MEMBER)
    with pytest.raises(NameTaken, match="another worker has joined as 'w1'"):
        asyncio.run(watched.coordinator._do_heartbeat())
    assert watched.taken == ["w1"]


def test_a_dynamic_member_that_the_broker_does_not_know_joins_again() -> None:
    watched = Watched(False, member_id=NO_MEMBER)
    assert not asyncio.run(watched.coordinator._do_heartbeat())
    assert watched.taken == []


def test_the_check_asks_until_the_broker_accepts_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "HEARTBEAT_RETRY_S", 0.0)
    watched = Watched(False, False, True)
    assert asyncio.run(watched.counted_in())
    assert watched.accepted == [102.0]


def test_the_check_fails_when_the_broker_will_assign_anew() -> None:
    assert not asyncio.run(Watched(False, member_id=NO_MEMBER).counted_in())


def test_leaving_ends_without_an_answer() -> None:
    coordinator = Coordinator()
    leave_in_time(coordinator, within_s=0.01)
    asyncio.run(asyncio.wait_for(coordinator._maybe_leave_group(), 30.0))
    assert coordinator.generation == -1
