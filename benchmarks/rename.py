"""Cost of a custom name: every customer in the segment gets a change.

It covers one partition in memory, decided slice by slice as in a worker between live groups. Appending and Redis are
left out.
"""

from __future__ import annotations

import gc
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from time import process_time

import numpy as np

from stream_seg.contracts.model import ModelSnapshot, number_of
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.taxonomy import ORDERS, SPEND
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.decide import Decider
from stream_seg.worker.checkpoint.evaluate import Output
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState
from stream_seg.worker.process import GC_THRESHOLD

from .bench import Bench, Figures
from .table import table
from .workload import START_MS, fixed_model

NOW = START_MS / 1000 + 60 * DAY_S
# In order, with the names in the summary and in the table.
MODELS = {
    "first": "the first: all customers enter",
    "again": "the same again",
    "renamed": "one segment renamed",
    "renamed_again": "the same again, with that name",
}


def options(parser: ArgumentParser) -> None:
    """Add options for the number of customers and the seed."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)


def measure(given: Namespace) -> Figures:
    """Return the cost by kind of model."""
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    behavior = Behavior()
    engine = Engine(Rules(Decay(30 * DAY_S)), behavior)
    model = ModelSnapshot.model_validate(fixed_model()).to_model()
    decider = Decider(engine, Partitions(Settings(), lambda _topic, _partition: None), "/stream-seg/bench")
    owned = partition(engine, given.customers, given.seed)
    costs = []
    for version in range(1, len(MODELS) + 1):
        behavior.use(versions(model, version, owned))
        costs.append(reevaluated(decider, owned))
    rows = [[kind, *figures.values()] for kind, figures in zip(MODELS.values(), costs, strict=True)]
    print(table(["model", *costs[0]], rows))
    return dict(zip(MODELS, costs, strict=True))


def partition(engine: Engine, customers: int, seed: int) -> OwnedPartition:
    """Return a partition of customers with a few orders each, without segments."""
    rng = np.random.default_rng(seed)
    state = PartitionState()
    keys = [b"c-%d" % number for number in range(customers)]
    for start in range(0, customers, 20_000):
        batch = engine.new_batch()
        chunk = keys[start : start + 20_000]
        batch.open(chunk, [engine.new_customer(1).pack()] * len(chunk))
        rows = np.arange(len(chunk))
        times = NOW - rng.uniform(0, 60 * DAY_S, len(chunk))
        batch.see(rows, times)
        batch.add(rows, np.full(len(chunk), ORDERS), rng.gamma(2.0, 1.0, len(chunk)), times)
        batch.add(rows, np.full(len(chunk), SPEND), rng.lognormal(8.0, 1.5, len(chunk)), times)
        state.records.update(dict(zip(chunk, batch.pack(), strict=True)))
    return OwnedPartition.take(0, state, 1, {}, engine.dimensions)


def versions(model: SegmentModel, version: int, owned: OwnedPartition) -> SegmentModel:
    """Return the model as a version. From version 3 on its largest segment has another name."""
    if version < 3:
        return replace(model, version=version)
    largest = number_of(owned.sizes.most_common(1)[0][0].rpartition(":")[2])
    names = tuple("Renamed" if index == largest else name for index, name in enumerate(model.names))
    return replace(model, version=version, names=names, user_named=frozenset({largest}))


def reevaluated(decider: Decider, owned: OwnedPartition) -> dict[str, float]:
    """Re-evaluate all customers with the active model, and return the cost."""
    owned.sweeps.reevaluate = owned.state.records.scan()
    customers, slices, entries, changes = 0, [], 0, 0
    for took_s, written in scan(decider, owned):
        slices.append(took_s)
        customers += len(written.changes)
        changes += sum(len(message.value) for messages in written.changes.values() for message in messages)
        entries += sum(len(value or b"") for _, value, _ in written.entries())
    return {
        "customers_told": customers,
        "cpu_s": sum(slices),
        "longest_slice_ms": max(slices) * 1000,
        "changelog_mb": entries / 1e6,
        "changes_mb": changes / 1e6,
    }


def scan(decider: Decider, owned: OwnedPartition) -> Iterator[tuple[float, Output]]:
    """Yield the CPU seconds and the writes of each slice."""
    while owned.sweeps.reevaluate:
        group = Group(decider.engine.new_batch())
        group.partitions[0] = owned
        started = process_time()
        (written,) = decider.decide(group, NOW)
        yield process_time() - started, written


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("{first,again,renamed,renamed_again}.{customers_told,cpu_s,longest_slice_ms,changelog_mb,changes_mb}",),
    smoke={"customers": 500},
)
