"""Decide: evaluate the customers of a commit group and collect everything that the group writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stream_seg.contracts.changes import ChangeMessage, encode_change
from stream_seg.contracts.document import Document
from stream_seg.contracts.times import FormattedTimes, rfc3339_ms
from stream_seg.core.batch import CustomerBatch
from stream_seg.core.engine import Engine
from stream_seg.core.features import Matrix
from stream_seg.core.record import columns
from stream_seg.core.transitions import Transition
from stream_seg.kafka.append import Message
from stream_seg.worker.partitions import changelog
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.changelog import Header
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.records import Pair

from .documents import documents_of
from .group import Group

# Records that a rewrite adds to one group, per partition.
REWRITE_SLICE: Final = 2000
# Customers that are evaluated with a new model at a time. A group takes several such slices, until MAX_REEVALUATED
# customers are evaluated or MAX_MOVED of them move. Either takes about ten milliseconds. Live events wait meanwhile.
REEVALUATE_SLICE: Final = 500
MAX_REEVALUATED: Final = 2_500
MAX_MOVED: Final = 200


@dataclass(slots=True)
class Output:
    """Everything that a commit group writes for one partition.

    `names` are categories that the changelog does not have yet, by id. `records` go to the changelog with the `changes`
    that they carry, both by customer key. `documents` go to Redis. The `header` ends the group in the changelog.
    """

    partition: OwnedPartition
    names: Mapping[int, str] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    changes: dict[bytes, list[ChangeMessage]] = field(default_factory=dict)
    changes_by_dimension: Counter[str] = field(default_factory=Counter)
    documents: list[Document] = field(default_factory=list)
    header: Header | None = None

    def entries(self) -> Iterator[Message]:
        """Yield the changelog messages.

        The names of categories come first, because records refer to them. The header comes last. It is valid only when
        every record before it is in the changelog.
        """
        position = self.partition.position
        epoch, group = position.epoch, position.group
        for number, name in self.names.items():
            yield changelog.category_key(number), name.encode(), ()
        for key, record in self.records.items():
            outbox = tuple(change.value for change in self.changes.get(key, ()))
            yield key, changelog.pack_entry(epoch, group, record, outbox), ()
        if self.header is not None:
            yield changelog.HEADER_KEY, changelog.pack_header(self.header), ()


@dataclass(frozen=True, slots=True)
class Decider:
    """Evaluates commit groups with one engine. `source` is the CloudEvents source of the changes."""

    engine: Engine
    partitions: Partitions
    source: str

    def decide(self, group: Group, wall_s: float) -> list[Output]:
        """Evaluate a group, put its records into the store, and return what must be written.

        `wall_s` is the time of detection in epoch seconds. There is no await and no I/O, so no event is absorbed
        between the evaluation and the store.
        """
        outputs = {number: Output(partition) for number, partition in group.partitions.items()}
        for output in outputs.values():
            output.partition.position.group += 1
        self._evaluate_touched(group, outputs, wall_s)
        self._reevaluate(list(outputs.values()), wall_s)
        for output in outputs.values():
            partition = output.partition
            self._rewrite(output)
            output.names = partition.state.take_new_names()
            partition.state.records.update(output.records)
            if not partition.sweeps.reevaluate:
                partition.versions = self.engine.versions
            output.header = self.partitions.header(partition)
        return list(outputs.values())

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
        self._step(customers, now, row_outputs, "event", wall_s)
        customers["as_of"][:] = as_of  # also where it is not finite
        for key, record, output in zip(customers.keys, customers.pack(), row_outputs, strict=True):
            output.records[key] = record

    def _reevaluate(self, outputs: Sequence[Output], wall_s: float) -> None:
        """Evaluate a slice of the customers that a new model has not evaluated, partition by partition."""
        evaluated = moved = 0
        for output in outputs:
            scan = output.partition.sweeps.reevaluate
            while scan and evaluated < MAX_REEVALUATED and moved < MAX_MOVED:
                pairs = [pair for pair in scan.take(REEVALUATE_SLICE) if pair[0] not in output.records]
                evaluated += REEVALUATE_SLICE
                moved += self._reevaluate_slice(pairs, output, wall_s)

    def _reevaluate_slice(self, pairs: Sequence[Pair], output: Output, wall_s: float) -> int:
        """Evaluate stored customers with a new model and return how many move. Only those are opened and written."""
        if not pairs:
            return 0
        fixed = columns([record for _, record in pairs])
        clock = self.partitions.clock(output.partition) if self.partitions.stream_clock else wall_s
        now = np.maximum(fixed["as_of"], clock)
        rows = self.engine.changed(fixed, now)
        if not rows:
            return 0
        keys, records = [pairs[row][0] for row in rows], [pairs[row][1] for row in rows]
        customers = self.engine.new_batch()
        customers.open(keys, records)
        self._step(customers, now[rows], [output] * len(keys), "model", wall_s)
        output.records.update(zip(keys, customers.pack(), strict=True))
        return len(keys)

    def _rewrite(self, output: Output) -> None:
        """Add a slice of the records that must be appended again as they are."""
        for key, record in output.partition.sweeps.rewrite.take(REWRITE_SLICE):
            output.records.setdefault(key, record)

    def _step(
        self, customers: CustomerBatch, now: Matrix, row_outputs: Sequence[Output], code: str, wall_s: float
    ) -> None:
        """Evaluate customers, and add their changes and documents to the output of their row."""
        step = self.engine.step(customers, now, code)
        times = [time for change in step.transitions for time in (change.occurred_at, *_since(change))]
        format_time, detected_at = FormattedTimes(np.array(times)).__getitem__, rfc3339_ms(wall_s)
        for row, change in zip(step.rows, step.transitions, strict=True):
            output = row_outputs[row]
            output.partition.count(change)
            output.changes_by_dimension[change.dimension] += 1
            epoch = output.partition.position.epoch
            output.changes.setdefault(customers.keys[row], []).append(
                encode_change(change, epoch=epoch, detected_at=detected_at, source=self.source, format_time=format_time)
            )
        keys = [customers.keys[row] for row in step.changed]
        epochs = [row_outputs[row].partition.position.epoch for row in step.changed]
        documents = documents_of(customers, step.changed, keys, epochs, self.engine)
        for row, document in zip(step.changed, documents, strict=True):
            row_outputs[row].documents.append(document)


def _since(change: Transition) -> list[float]:
    """Return the times at which the segments of a change were entered."""
    return [segment.since for segment in (change.from_, change.to) if segment is not None]
