"""CPU per event on W1 without Kafka, Faust and Redis, stage by stage, beside the in-memory fold.

Groups are gathered, decided and encoded as a worker does it, up to the bytes that would be sent.
"""

from __future__ import annotations

import gc
import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import TP
from prometheus_client import CollectorRegistry

from benchmarks.bench import Bench, Figures
from benchmarks.fold import fold
from benchmarks.table import table
from benchmarks.workload import W1, Partition, Record, Spec, fixed_model, generate
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.model import parse_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine, Rules
from stream_seg.kafka.append import Message
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.absorb import Absorber
from stream_seg.worker.checkpoint.decide import Decider
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.faust.batches import BATCH_RECORDS, RecordBatch
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState
from stream_seg.worker.process import GC_THRESHOLD

GROUP = 40_000  # records that arrive while a worker at full speed writes the previous group
BATCH_BYTES = 900_000


@dataclass(slots=True)
class Fetched:
    """A record as in a fetch."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int = 0


@dataclass(slots=True)
class Delivered:
    """A batch as Faust gives it to the agent."""

    value: RecordBatch


@dataclass
class Spent:
    """CPU seconds by stage."""

    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Add the CPU time of the block to a stage."""
        begun = time.process_time()
        yield
        self.stages[stage] = self.stages.get(stage, 0.0) + time.process_time() - begun


def run(records: Mapping[Partition, list[Record]]) -> Spent:
    """Absorb, decide and encode all records."""
    settings = Settings(clock="stream", margin=0.0, dwell=0.0)
    model = parse_snapshot(json.dumps(fixed_model()).encode()).to_model()
    engine = Engine(Rules(Decay(settings.half_life_s)), Behavior(model=model))
    absorber = Absorber(settings, Metrics(CollectorRegistry()))
    decider = Decider(engine, Partitions(settings, lambda _topic, _partition: None), "/stream-seg/core")
    cache = CacheWriter.from_url("redis://127.0.0.1", "seg", "core")  # is never connected
    owned = {partition: OwnedPartition.take(partition, PartitionState(), 1, {}) for _, partition in records}
    group, spent = Group(engine.new_batch()), Spent()
    for (topic, partition), batch in in_turns(records):
        with spent.on("absorb"):
            group.take_in(Delivered(RecordBatch(TP(topic, partition), batch)), owned[partition])
            absorber.absorb(group)
        if group.records >= GROUP:
            _write(group, decider, cache, spent)
            group = Group(engine.new_batch())
    _write(group, decider, cache, spent)
    return spent


def _write(group: Group, decider: Decider, cache: CacheWriter, spent: Spent) -> None:
    with spent.on("decide"):
        outputs = decider.decide(group, time.time())
    with spent.on("changelog"):
        for output in outputs:
            _encode(output.entries())
    with spent.on("changes"):
        for output in outputs:
            _encode(change for changes in output.changes.values() for change in changes)
    with spent.on("redis"):
        cache.commands([document for output in outputs for document in output.documents])


def _encode(messages: Iterable[Message]) -> None:
    builder = _builder()
    for key, value, headers in messages:
        if builder.append(timestamp=1, key=key, value=value, headers=list(headers)) is None:
            builder._build()
            builder = _builder()
            builder.append(timestamp=1, key=key, value=value, headers=list(headers))
    builder._build()


def _builder() -> BatchBuilder:
    return BatchBuilder(BATCH_BYTES, 0, is_transactional=False, key_serializer=None, value_serializer=None)


def in_turns(records: Mapping[Partition, list[Record]]) -> Iterator[tuple[Partition, list[Fetched]]]:
    """Yield batches of all partitions in turn, as in fetches."""
    fetched = {place: [Fetched(at, *record) for at, record in enumerate(those)] for place, those in records.items()}
    longest = max(map(len, fetched.values()))
    for start in range(0, longest, BATCH_RECORDS):
        for place, those in fetched.items():
            if batch := those[start : start + BATCH_RECORDS]:
                yield place, batch


def options(parser: ArgumentParser) -> None:
    """Add options for the size of the workload."""
    parser.add_argument("--events", type=int, default=W1.events)
    parser.add_argument("--customers", type=int, default=W1.customers)


def measure(given: Namespace) -> Figures:
    """Measure the CPU microseconds per event, by stage and in total."""
    workload = generate(Spec(events=given.events, customers=given.customers))
    best = min(fold(workload.records, fixed_model()).cpu_s for _ in range(2)) / workload.events * 1e6
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)  # as in a worker
    stages = {name: cpu_s / workload.events * 1e6 for name, cpu_s in run(workload.records).stages.items()}
    total = sum(stages.values())
    rows = [[name, us, us / best] for name, us in [*stages.items(), ("all", total), ("in-memory fold", best)]]
    print(table(["stage, without Kafka, Faust and Redis", "CPU us an event", "folds"], rows))
    return {**stages, "total_us": total, "fold_us": best, "cpu_ratio_to_fold": total / best}


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("absorb", "decide", "changelog", "changes", "redis", "total_us", "fold_us", "cpu_ratio_to_fold"),
    smoke={"events": 4_000, "customers": 400},
)
