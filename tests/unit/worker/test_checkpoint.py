"""When a group is written: at once, or fuller where much waits behind it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from benchmarks.workload import fixed_model
from stream_seg.addresses import Addresses
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.kafka.broker import Broker
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.app import build_app
from stream_seg.worker.checkpoint import loop as rules
from stream_seg.worker.checkpoint.decide import Decider
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.checkpoint.loop import FAR_BEHIND, Checkpoint
from stream_seg.worker.faust.lease import HeartbeatLease
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

# Of the loop: more than it takes to write what is to be written.
TURNS = 50


class NoMirror:
    """No Redis to look after."""

    async def tend(self, owned: Any) -> None:
        """Do nothing."""


class Written(Checkpoint):
    """A checkpoint that notes how many records the groups have, and writes nothing."""

    def __init__(self, behind: int) -> None:
        engine = Engine(Rules(Decay(86_400.0)))
        decider = Decider(engine, False, "/stream-seg/test", lambda _topic, _partition: False)
        lease, metrics = HeartbeatLease(1e9, lambda: 0.0), Metrics(CollectorRegistry())
        absorber: Any = None
        mirror: Any = NoMirror()
        super().__init__(
            Settings(), absorber, decider, mirror, lease, metrics, lambda: 0.0, lambda: None, lambda: behind
        )
        self.sizes: list[int] = []
        self.owned = {0: OwnedPartition.take(0, PartitionState(), 1, {})}
        self.paused = False

    async def _write(self, group: Group) -> None:
        self.sizes.append(group.records)

    async def take(self, *batches: int) -> list[int]:
        """Sizes of the groups after batches of so many records, one by one."""
        running = asyncio.create_task(self.run())
        for records in batches:
            self.group.records += records
            self.group.partitions = self.owned
            self.wake()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        running.cancel()
        return self.sizes


def test_a_group_is_written_as_soon_as_there_is_one() -> None:
    assert asyncio.run(Written(FAR_BEHIND - 1).take(1, 2, 3)) == [1, 2, 3]


def test_far_behind_the_first_group_is_written_at_once_and_the_next_when_it_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "GATHER_S", 1e9)
    taken = asyncio.run(Written(FAR_BEHIND).take(7, 1, FAR_BEHIND - 2, 1, 5))
    assert taken == [7, FAR_BEHIND]


def test_nothing_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "GATHER_S", 1e9)
    monkeypatch.setattr(rules, "TICK_S", 0.01)

    async def story() -> list[int]:
        checkpoint = Written(FAR_BEHIND)
        assert await checkpoint.take(7, 1, 2) == [7]
        monkeypatch.setattr(rules, "GATHER_S", 0.05)
        again = asyncio.create_task(checkpoint.run())
        async with asyncio.timeout(10):
            while len(checkpoint.sizes) < 2:
                await asyncio.sleep(0.01)
        again.cancel()
        return checkpoint.sizes

    assert asyncio.run(story()) == [7, 3]


def test_a_new_model_does_not_wait_for_full_groups() -> None:
    checkpoint = Written(FAR_BEHIND)
    held = checkpoint.owned[0]
    held.state.records.update({b"c": b"record"})
    held.reevaluate = held.state.records.scan()
    assert asyncio.run(checkpoint.take(1, 2))[:2] == [1, 0]


@pytest.mark.parametrize(
    ("absorbed", "end", "at_assignment", "behind"),
    [(None, 10, None, 10), (3, 10, None, 6), (9, 10, None, 0), (12, 10, None, 0), (3, None, 8, 4), (3, None, None, 0)],
)
def test_how_far_behind_a_partition_is(
    absorbed: int | None, end: int | None, at_assignment: int | None, behind: int
) -> None:
    ends = {} if at_assignment is None else {"purchases": at_assignment}
    held = OwnedPartition.take(0, PartitionState(), 1, ends)
    if absorbed is not None:
        held.inputs["purchases"] = absorbed
    assert held.behind("purchases", end) == behind


@pytest.mark.parametrize(
    ("clock", "pinned", "behind"), [("stream", False, 0), ("stream", True, 33), ("wall", False, 33)]
)
def test_a_replay_that_learns_is_never_called_behind(tmp_path: Path, clock: str, pinned: bool, behind: int) -> None:
    model = tmp_path / "model.json"
    model.write_text(json.dumps(fixed_model()))
    settings = Settings(clock=clock, model=model if pinned else None, data_dir=tmp_path)
    made = build_app(settings, Addresses(Broker("127.0.0.1:1"), "redis://127.0.0.1:1"), Metrics(CollectorRegistry()))
    made.faust.consumer = SimpleNamespace(highwater=lambda _tp: 11)
    made.pipeline.checkpoint.owned = {0: OwnedPartition.take(0, PartitionState(), 1, {})}
    assert made.pipeline.checkpoint._behind() == behind
