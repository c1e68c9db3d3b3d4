"""A group: everything that gathers while the group before it is being written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stream_seg.core.customer import Customer

from .ownership import OwnedPartition
from .publish import Message


@dataclass(slots=True)
class Gathered:
    """What one partition gathered: customers opened and changed, not yet written anywhere."""

    owned: OwnedPartition
    touched: dict[bytes, Customer] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Batches absorbed since the last group was taken; `events` are Faust's, to be acknowledged in order."""

    partitions: dict[int, Gathered] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    dead_letters: dict[int, list[Message]] = field(default_factory=dict)
    records: int = 0

    def gathered(self, owned: OwnedPartition) -> Gathered:
        """What this group has of a partition."""
        held = self.partitions.get(owned.number)
        if held is None:
            held = self.partitions[owned.number] = Gathered(owned)
        return held

    def __bool__(self) -> bool:
        return bool(self.partitions or self.events)
