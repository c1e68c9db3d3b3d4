"""Sweeps: work on all customers of a partition, of which every commit group does a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from stream_seg.core.record import columns
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.records import Pair

from .evaluate import Evaluator, Output

# Records that a rewrite adds to one group, per partition.
REWRITE_SLICE: Final = 2000
# Customers that are evaluated with a new model at a time. A group takes several such slices, until MAX_REEVALUATED
# customers are evaluated or MAX_MOVED of them move. Either takes about ten milliseconds. Live events wait meanwhile.
REEVALUATE_SLICE: Final = 500
MAX_REEVALUATED: Final = 2_500
MAX_MOVED: Final = 200


class Sweep(Protocol):
    """Work on all customers. A scan in `OwnedPartition.sweeps` says how far it is in each partition."""

    def advance(self, outputs: Sequence[Output], wall_s: float) -> None:
        """Do a slice of the work in each partition of a group, and add it to the outputs.

        Called once per group, after the customers with events. `wall_s` is wall time, epoch seconds.
        """


@dataclass(frozen=True, slots=True)
class Reevaluation:
    """Evaluates the customers that a new model or definition has not evaluated yet."""

    evaluator: Evaluator
    partitions: Partitions

    def advance(self, outputs: Sequence[Output], wall_s: float) -> None:
        """Evaluate a slice, partition by partition. See `Sweep`."""
        evaluated = moved = 0
        for output in outputs:
            scan = output.partition.sweeps.reevaluate
            while scan and evaluated < MAX_REEVALUATED and moved < MAX_MOVED:
                pairs = [pair for pair in scan.take(REEVALUATE_SLICE) if pair[0] not in output.records]
                evaluated += REEVALUATE_SLICE
                moved += self._evaluate(pairs, output, wall_s)

    def _evaluate(self, pairs: Sequence[Pair], output: Output, wall_s: float) -> int:
        """Evaluate stored customers and return how many change. Only those are opened and written."""
        if not pairs:
            return 0
        engine, fixed = self.evaluator.engine, columns([record for _, record in pairs])
        clock = self.partitions.clock(output.partition) if self.partitions.stream_clock else wall_s
        now = np.maximum(fixed["as_of"], clock)
        rows = engine.changed(fixed, now)
        if not rows:
            return 0
        keys, records = [pairs[row][0] for row in rows], [pairs[row][1] for row in rows]
        customers = engine.new_batch()
        customers.open(keys, records)
        self.evaluator.evaluate(customers, now[rows], [output] * len(keys), "model", wall_s)
        output.records.update(zip(keys, customers.pack(), strict=True))
        return len(keys)


class Rewrite:
    """Writes records again that must be appended to the changelog behind those of another worker."""

    def advance(self, outputs: Sequence[Output], wall_s: float) -> None:  # noqa: ARG002
        """Add a slice of the records as they are. See `Sweep`."""
        for output in outputs:
            for key, record in output.partition.sweeps.rewrite.take(REWRITE_SLICE):
                output.records.setdefault(key, record)
