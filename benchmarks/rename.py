"""Cost of a name that an operator gives: every customer in the segment gets a change.

One partition in memory, decided slice by slice as a worker does between live groups; appending and Redis are left out.
"""

from __future__ import annotations

import gc
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from time import process_time

import numpy as np

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.dimensions.behavior import SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.taxonomy import ORDERS, SPEND
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.decide import Decider, Output
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState
from stream_seg.worker.process import GC_THRESHOLD

from .bench import Bench, Figures
from .table import table
from .workload import START_MS, fixed_model

NOW = START_MS / 1000 + 60 * DAY_S
# In turn, each as it is called in the summary and in the table.
MODELS = {
    "first": "the first: everyone enters",
    "again": "the same again",
    "renamed": "one segment renamed",
    "renamed_again": "the same again, with that name",
}


def options(parser: ArgumentParser) -> None:
    """How many customers."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)


def measure(given: Namespace) -> Figures:
    """What it costs, by kind of model."""
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    engine = Engine(Rules(Decay(30 * DAY_S)))
    model = ModelSnapshot.model_validate(fixed_model()).to_model()
    decider = Decider(engine, Partitions(Settings(), lambda _topic, _partition: None), "/stream-seg/bench")
    owned = partition(engine, given.customers, given.seed)
    told = [looked_at(decider, owned, versions(model, version, owned)) for version in range(1, len(MODELS) + 1)]
    rows = [[kind, *figures.values()] for kind, figures in zip(MODELS.values(), told, strict=True)]
    print(table(["model", *told[0]], rows))
    return dict(zip(MODELS, told, strict=True))


def partition(engine: Engine, customers: int, seed: int) -> OwnedPartition:
    """Customers with a few orders each, in no segment yet."""
    rng = np.random.default_rng(seed)
    state = PartitionState()
    keys = [b"c-%d" % number for number in range(customers)]
    for start in range(0, customers, 20_000):
        held = engine.new_batch()
        chunk = keys[start : start + 20_000]
        held.open(chunk, [engine.new_customer(1).pack()] * len(chunk))
        rows = np.arange(len(chunk))
        times = NOW - rng.uniform(0, 60 * DAY_S, len(chunk))
        held.see(rows, times)
        held.add(rows, np.full(len(chunk), ORDERS), rng.gamma(2.0, 1.0, len(chunk)), times)
        held.add(rows, np.full(len(chunk), SPEND), rng.lognormal(8.0, 1.5, len(chunk)), times)
        state.records.update(dict(zip(chunk, held.pack(), strict=True)))
    return OwnedPartition.take(0, state, 1, {})


def versions(model: SegmentModel, version: int, owned: OwnedPartition) -> SegmentModel:
    """The model as version 1 or 2; from 3 on with another name for its largest segment."""
    if version < 3:
        return replace(model, version=version)
    largest = owned.sizes.most_common(1)[0][0]
    names = tuple("Renamed" if index == largest else name for index, name in enumerate(model.names))
    return replace(model, version=version, names=names, user_named=frozenset({largest}))


def looked_at(decider: Decider, owned: OwnedPartition, model: SegmentModel) -> dict[str, float]:
    """Scan through everyone with a model: what it came to."""
    decider.engine.use(model)
    owned.sweeps.reevaluate = owned.state.records.scan()
    told, slices, entries, changes = 0, [], 0, 0
    for took_s, written in walk(decider, owned):
        slices.append(took_s)
        told += len(written.changes)
        changes += sum(len(message.value) for message in written.changes.values())
        entries += sum(len(value or b"") for _, value, _ in written.entries())
    return {
        "customers_told": told,
        "cpu_s": sum(slices),
        "longest_slice_ms": max(slices) * 1000,
        "changelog_mb": entries / 1e6,
        "changes_mb": changes / 1e6,
    }


def walk(decider: Decider, owned: OwnedPartition) -> Iterator[tuple[float, Output]]:
    """CPU seconds and what is written, slice by slice."""
    while owned.sweeps.reevaluate:
        group = Group(decider.engine.new_batch())
        group.partitions[0] = owned
        begun = process_time()
        (written,) = decider.decide(group, NOW)
        yield process_time() - begun, written


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("{first,again,renamed,renamed_again}.{customers_told,cpu_s,longest_slice_ms,changelog_mb,changes_mb}",),
    smoke={"customers": 500},
)
