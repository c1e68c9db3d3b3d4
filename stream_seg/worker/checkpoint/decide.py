"""Decide: evaluate the customers of a commit group and collect everything that the group writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stream_seg.core.engine import Engine
from stream_seg.worker.partitions.assignment import Partitions

from .evaluate import Evaluator, Output
from .group import Group
from .sweeps import Reevaluation, Rewrite, Sweep


class Decider:
    """Decides commit groups with one engine. `source` is the CloudEvents source of the changes."""

    def __init__(self, engine: Engine, partitions: Partitions, source: str) -> None:
        self.engine = engine
        self.partitions = partitions
        self.source = source
        self._evaluator = Evaluator(engine, source)
        self._sweeps: tuple[Sweep, ...] = (Reevaluation(self._evaluator, partitions), Rewrite())

    def decide(self, group: Group, wall_s: float) -> list[Output]:
        """Evaluate a group, put its records into the store, and return what must be written.

        `wall_s` is the time of detection in epoch seconds. There is no await and no I/O, so no event is absorbed
        between the evaluation and the store.
        """
        by_partition = {number: Output(partition) for number, partition in group.partitions.items()}
        outputs = list(by_partition.values())
        for output in outputs:
            output.partition.position.group += 1
        self._evaluate_touched(group, by_partition, wall_s)
        for sweep in self._sweeps:
            sweep.advance(outputs, wall_s)
        for output in outputs:
            partition = output.partition
            output.names = partition.state.take_new_names()
            partition.state.records.update(output.records)
            if not partition.sweeps.reevaluate:
                partition.versions = self.engine.versions
            output.header = self.partitions.header(partition)
        return outputs

    def _evaluate_touched(self, group: Group, outputs: Mapping[int, Output], wall_s: float) -> None:
        """Evaluate the customers with events in this group, of all partitions together.

        Each of them is written, whether it moves or not.
        """
        customers = group.customers
        if not len(customers):
            return
        # With the stream clock, each customer is evaluated at its own latest event. Segments then do not depend on how
        # records fell into groups.
        as_of = customers["last_seen"].copy() if self.partitions.stream_clock else np.full(len(customers), wall_s)
        # A record without a finite time is nothing but a fence: every event of this customer was a repeat.
        now = np.where(np.isfinite(as_of), as_of, 0.0)
        row_outputs = [outputs[partition.number] for partition in group.row_partitions]
        self._evaluator.evaluate(customers, now, row_outputs, "event", wall_s)
        customers["as_of"][:] = as_of  # also where it is not finite
        for key, record, output in zip(customers.keys, customers.pack(), row_outputs, strict=True):
            output.records[key] = record
