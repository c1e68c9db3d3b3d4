"""Evaluate: the output of a commit group in one partition, and the evaluations that fill it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream_seg.contracts.changes import ChangeMessage, encode_change
from stream_seg.contracts.document import Document
from stream_seg.contracts.times import FormattedTimes, rfc3339_ms
from stream_seg.core.batch import CustomerBatch
from stream_seg.core.engine import Engine
from stream_seg.core.features import Matrix
from stream_seg.core.transitions import Transition
from stream_seg.kafka.append import Message
from stream_seg.worker.partitions import changelog
from stream_seg.worker.partitions.changelog import Header
from stream_seg.worker.partitions.ownership import OwnedPartition

from .documents import documents_of


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
class Evaluator:
    """Evaluates customers with one engine, and encodes the results. `source` is the CloudEvents source of changes."""

    engine: Engine
    source: str

    def evaluate(
        self, customers: CustomerBatch, now: Matrix, row_outputs: Sequence[Output], code: str, wall_s: float
    ) -> None:
        """Evaluate customers, and add their changes and documents to the output of their row."""
        step = self.engine.step(customers, now, code)
        times = [time for transition in step.transitions for time in (transition.occurred_at, *_since(transition))]
        format_time, detected_at = FormattedTimes(np.array(times)).__getitem__, rfc3339_ms(wall_s)
        for row, transition in zip(step.rows, step.transitions, strict=True):
            output = row_outputs[row]
            output.partition.count(transition)
            output.changes_by_dimension[transition.dimension] += 1
            epoch = output.partition.position.epoch
            output.changes.setdefault(customers.keys[row], []).append(
                encode_change(
                    transition, epoch=epoch, detected_at=detected_at, source=self.source, format_time=format_time
                )
            )
        keys = [customers.keys[row] for row in step.changed]
        epochs = [row_outputs[row].partition.position.epoch for row in step.changed]
        documents = documents_of(customers, step.changed, keys, epochs, self.engine)
        for row, document in zip(step.changed, documents, strict=True):
            row_outputs[row].documents.append(document)


def _since(transition: Transition) -> list[float]:
    """Return the times at which the segments of a transition were entered."""
    return [segment.since for segment in (transition.from_, transition.to) if segment is not None]
