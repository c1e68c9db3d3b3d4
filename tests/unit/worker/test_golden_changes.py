"""Golden changes: the same input gives the same changes, documents and sizes, byte by byte.

A difference is a change of behavior for subscribers. Explain it in the changelog, then set the new hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from benchmarks.core import Delivered, in_turns
from benchmarks.workload import Spec, fixed_model, generate
from stream_seg.contracts.model import parse_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import Hysteresis, SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.absorb import Absorber
from stream_seg.worker.checkpoint.decide import Decider
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.faust.batches import RecordBatch
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

GROUP = 1_000
WALL_S = 1_800_000_000.0


class Story:
    """A worker without a broker that absorbs a workload in groups, gets four models, and re-evaluates everyone."""

    def __init__(self, clock: Any) -> None:
        settings = Settings(clock=clock)
        self._behavior = Behavior(Hysteresis(0.1, 86_400.0))
        self._engine = Engine(Rules(Decay(settings.half_life_s)), self._behavior)
        self._absorber = Absorber(settings, Metrics(CollectorRegistry()))
        self._decider = Decider(self._engine, Partitions(settings, lambda _topic, _partition: None), "/golden")
        self._workload = generate(Spec(events=10_000, customers=1_500))
        self._owned = {
            number: OwnedPartition.take(number, PartitionState(), 1, {}, self._engine.dimensions)
            for _, number in self._workload.records
        }
        self._decider.partitions.owned = self._owned
        self._turn = 0

    def lines(self) -> Iterator[str]:
        """Yield all changes, documents and sizes in the order of groups."""
        model = parse_snapshot(json.dumps(fixed_model()).encode()).to_model()
        group = Group(self._engine.new_batch())
        for (topic, number), batch in in_turns(self._workload.records):
            group.take_in(Delivered(RecordBatch(TP(topic, number), batch)), self._owned[number])
            self._absorber.absorb(group)
            if group.records >= GROUP:
                self._learn(model)
                yield from self._write(group)
                group = Group(self._engine.new_batch())
        for _ in range(20):
            group.partitions = dict(self._owned)
            yield from self._write(group)
            group = Group(self._engine.new_batch())

    def _learn(self, model: SegmentModel) -> None:
        self._turn += 1
        if self._turn == 2:
            self._behavior.use(model)
        elif self._turn in (5, 9):
            names = tuple(f"{name} {self._turn}" for name in model.names)
            named = frozenset({0}) if self._turn == 9 else frozenset[int]()
            moved = model.centroids * (1.0 + 0.1 * self._turn)
            self._behavior.use(replace(model, version=self._turn, centroids=moved, names=names, user_named=named))
        for each in self._owned.values():
            each.reevaluate(self._engine.versions)

    def _write(self, group: Group) -> Iterator[str]:
        for output in self._decider.decide(group, WALL_S + self._turn):
            yield from (change.value.decode() for changes in output.changes.values() for change in changes)
            yield from (json.dumps(document.fields()) for document in output.documents)
            yield json.dumps({label: n for label, n in sorted(output.partition.sizes.items()) if n})


@pytest.mark.parametrize(("clock", "golden"), [("stream", "bb164ac185129f08"), ("wall", "976973eabcb2f43d")])
def test_changes_documents_and_sizes_are_golden(clock: str, golden: str) -> None:
    lines = list(Story(clock).lines())
    assert len(lines) > 2_000
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == golden
