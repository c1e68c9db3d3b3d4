"""A group: everything that gathers while the group before it is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stream_seg.core.batch import CustomerBatch, new_record
from stream_seg.kafka.append import Message
from stream_seg.worker.faust.batches import RecordBatch
from stream_seg.worker.partitions.ownership import OwnedPartition

Place = tuple[bytes, OwnedPartition]  # a customer, and the partition it was found in


class Waiting(NamedTuple):
    """A batch that is not absorbed yet, and its partition."""

    batch: RecordBatch
    owned: OwnedPartition


@dataclass(slots=True)
class Group:
    """Batches that came since the last group was taken; `events` are Faust's, to be acknowledged in order.

    Small batches are `waiting` to be absorbed together. `held` has the customers that were opened and changed, not
    yet written anywhere; `homes` says by row whose partition they are in. `records` counts those of all batches.
    """

    held: CustomerBatch
    homes: list[OwnedPartition] = field(default_factory=list)
    partitions: dict[int, OwnedPartition] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    waiting_records: int = 0
    dead_letters: dict[int, list[Message]] = field(default_factory=dict)
    records: int = 0

    def take_in(self, event: Any, owned: OwnedPartition) -> None:
        """A Faust event whose value is a batch of a partition that is owned."""
        batch: RecordBatch = event.value
        self.events.append(event)
        self.waiting.append(Waiting(batch, owned))
        self.waiting_records += len(batch.records)
        self.records += len(batch.records)
        self.partitions[owned.number] = owned

    def take_waiting(self) -> list[Waiting]:
        """What is to be absorbed, in the order in which it came."""
        waiting, self.waiting, self.waiting_records = self.waiting, [], 0
        return waiting

    def not_open(self, keys: Sequence[bytes], homes: Sequence[OwnedPartition]) -> dict[Place, bytes | None]:
        """Customers that are not open yet where they were found, and their records there; None where there is none."""
        at_home = self.homes
        return {
            (key, home): home.state.records.get(key)
            for key, home, row in zip(keys, homes, self.held.find(keys), strict=True)
            if row is None or at_home[row] is not home
        }

    def open(self, customers: Mapping[Place, bytes | None]) -> None:
        """Open customers that are not open anywhere, with their records; None begins one."""
        if customers:
            records = [record or new_record(home.epoch) for (_, home), record in customers.items()]  # none is empty
            self.held.open([key for key, _ in customers], records)
            self.homes += [home for _, home in customers]

    def __bool__(self) -> bool:
        return bool(self.partitions or self.events)
