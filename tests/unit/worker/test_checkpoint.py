"""The time at which a commit group is written: at once, or fuller when the worker is far behind."""

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
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.broker import Broker
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.app import build_app
from stream_seg.worker.checkpoint import loop
from stream_seg.worker.checkpoint.decide import Decider
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.checkpoint.loop import FAR_BEHIND, Checkpoint
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

# Turns of the event loop, more than a group takes.
TURNS = 50


class NoEffects:
    """Effects without Redis."""

    async def tend_cache(self, partitions: Any) -> None:
        """Do nothing."""


class RecordingCheckpoint(Checkpoint):
    """A checkpoint of one partition that records the size of every group and writes nothing."""

    def __init__(self, behind: int) -> None:
        engine = Engine(Rules(Decay(86_400.0)), Behavior())
        partitions = Partitions(Settings(), lambda topic, _partition: behind if topic == TOPICS[0] else 0)
        decider = Decider(engine, partitions, "/stream-seg/test")
        absorber: Any = None
        effects: Any = NoEffects()
        super().__init__(partitions, absorber, decider, effects, Metrics(CollectorRegistry()))
        self.sizes: list[int] = []
        partitions.owned = {0: OwnedPartition.take(0, PartitionState(), 1, {})}
        self.paused = False

    async def _write(self, group: Group) -> None:
        self.sizes.append(group.records)

    async def take(self, *batches: int) -> list[int]:
        """Gather batches of these sizes one by one, and return the sizes of the groups."""
        running = asyncio.create_task(self.run())
        for records in batches:
            self.group.records += records
            self.group.partitions = dict(self.partitions.owned)
            self.wake()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        running.cancel()
        return self.sizes


def test_a_group_is_written_at_once_unless_the_worker_is_far_behind() -> None:
    assert asyncio.run(RecordingCheckpoint(FAR_BEHIND - 1).take(1, 2, 3)) == [1, 2, 3]


def test_a_worker_far_behind_writes_the_first_group_at_once_and_the_next_when_it_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "GATHER_S", 1e9)
    taken = asyncio.run(RecordingCheckpoint(FAR_BEHIND).take(7, 1, FAR_BEHIND - 2, 1, 5))
    assert taken == [7, FAR_BEHIND]


def test_a_group_waits_for_gather_s_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "GATHER_S", 1e9)
    monkeypatch.setattr(loop, "TICK_S", 0.01)

    async def story() -> list[int]:
        checkpoint = RecordingCheckpoint(FAR_BEHIND)
        assert await checkpoint.take(7, 1, 2) == [7]
        monkeypatch.setattr(loop, "GATHER_S", 0.05)
        again = asyncio.create_task(checkpoint.run())
        async with asyncio.timeout(10):
            while len(checkpoint.sizes) < 2:
                await asyncio.sleep(0.01)
        again.cancel()
        return checkpoint.sizes

    assert asyncio.run(story()) == [7, 3]


def test_a_new_model_does_not_wait_for_full_groups() -> None:
    checkpoint = RecordingCheckpoint(FAR_BEHIND)
    partition = checkpoint.partitions.owned[0]
    partition.state.records.update({b"c": b"record"})
    partition.reevaluate({"behavior": 1})
    assert asyncio.run(checkpoint.take(1, 2))[:2] == [1, 0]


@pytest.mark.parametrize(
    ("absorbed", "end", "at_assignment", "behind"),
    [(None, 10, None, 10), (3, 10, None, 6), (9, 10, None, 0), (12, 10, None, 0), (3, None, 8, 4), (3, None, None, 0)],
)
def test_a_partition_is_behind_by_the_records_below_the_end(
    absorbed: int | None, end: int | None, at_assignment: int | None, behind: int
) -> None:
    ends = {} if at_assignment is None else {"purchases": at_assignment}
    progress = OwnedPartition.take(0, PartitionState(), 1, ends).progress
    if absorbed is not None:
        progress.offsets["purchases"] = absorbed
    assert progress.behind("purchases", end) == behind


@pytest.mark.parametrize(
    ("clock", "pinned", "behind"), [("stream", False, 0), ("stream", True, 33), ("wall", False, 33)]
)
def test_a_replay_that_learns_is_never_behind(tmp_path: Path, clock: str, pinned: bool, behind: int) -> None:
    model = tmp_path / "model.json"
    model.write_text(json.dumps(fixed_model()))
    settings = Settings(clock=clock, model=model if pinned else None, data_dir=tmp_path)
    nowhere = Addresses(Broker("127.0.0.1:1"), "redis://127.0.0.1:1")
    application = build_app(settings, nowhere, Metrics(CollectorRegistry()))
    application.faust.consumer = SimpleNamespace(highwater=lambda _tp: 11)
    application.partitions.owned = {0: OwnedPartition.take(0, PartitionState(), 1, {})}
    assert application.partitions.behind() == behind
