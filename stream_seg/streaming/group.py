"""A group: everything that gathers while the group before it is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stream_seg.core.working_set import WorkingSet, new_record

from .intake import RecordBatch
from .ownership import OwnedPartition
from .publish import Message


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

    held: WorkingSet
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

    def open(self, keys: Sequence[bytes], homes: Sequence[OwnedPartition]) -> list[int]:
        """Rows of customers, each with the partition it belongs in, in the order of `keys`."""
        absent = self.held.absent(keys)
        if absent:
            at_home = {key: home for key, home in zip(keys, homes, strict=True) if key in absent}
            records = [
                home.state.records.get(key) or new_record(home.epoch)  # a record is never empty
                for key, home in at_home.items()
            ]
            self.held.open(list(at_home), records)
            self.homes += at_home.values()
        return self.held.rows(keys)

    def __bool__(self) -> bool:
        return bool(self.partitions or self.events)
