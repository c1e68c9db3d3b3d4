"""A commit group: the batches that gather while the previous group is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stream_seg.core.batch import CustomerBatch, new_record
from stream_seg.core.events.categories import CategoryNames
from stream_seg.kafka.append import Message
from stream_seg.worker.faust.batches import RecordBatch
from stream_seg.worker.partitions.ownership import OwnedPartition

Place = tuple[bytes, OwnedPartition]  # a customer's key, and the partition in which it was found


class Waiting(NamedTuple):
    """A batch that is not absorbed yet, and its partition."""

    batch: RecordBatch
    partition: OwnedPartition


@dataclass(slots=True)
class Group:
    """The batches that arrived since the last group was taken, and the customers that they change.

    Small batches are `waiting` to be absorbed together. `customers` holds the open customers, changed in memory and
    not written yet. `row_partitions` names the partition of each of its rows, and `row_categories` has the names of its
    categories. `partitions` are those that the group writes, by number. `events` are Faust's events, to be acknowledged
    in this order. `records` counts the records of all batches.
    """

    customers: CustomerBatch
    row_partitions: list[OwnedPartition] = field(default_factory=list)
    row_categories: list[CategoryNames] = field(default_factory=list)
    partitions: dict[int, OwnedPartition] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    waiting_records: int = 0
    dead_letters: dict[int, list[Message]] = field(default_factory=dict)
    records: int = 0

    def take_in(self, event: Any, partition: OwnedPartition) -> None:
        """Add a Faust event whose value is a batch of an owned partition."""
        batch: RecordBatch = event.value
        self.events.append(event)
        self.waiting.append(Waiting(batch, partition))
        self.waiting_records += len(batch.records)
        self.records += len(batch.records)
        self.partitions[partition.number] = partition

    def take_waiting(self) -> list[Waiting]:
        """Remove and return the batches to absorb, in the order of their arrival."""
        waiting, self.waiting, self.waiting_records = self.waiting, [], 0
        return waiting

    def not_open(self, keys: Sequence[bytes], partitions: Sequence[OwnedPartition]) -> dict[Place, bytes | None]:
        """Return the customers that are not open in the partition where they were found.

        The values are their records in that partition, None where there is none.
        """
        row_partitions = self.row_partitions
        return {
            (key, partition): partition.state.records.get(key)
            for key, partition, row in zip(keys, partitions, self.customers.find(keys), strict=True)
            if row is None or row_partitions[row] is not partition
        }

    def open(self, records: Mapping[Place, bytes | None]) -> None:
        """Open customers that are not open in any partition. A customer without a record gets a new one."""
        if records:
            # A stored record is never empty, so `or` replaces None only.
            opened = [record or new_record(partition.position.epoch) for (_, partition), record in records.items()]
            self.customers.open([key for key, _ in records], opened)
            self.row_partitions += [partition for _, partition in records]
            self.row_categories += [partition.state.categories for _, partition in records]

    def __bool__(self) -> bool:
        return bool(self.partitions or self.events)
