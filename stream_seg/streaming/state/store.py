"""The table's store: customer records by partition, so that a lost partition is forgotten as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from stream_seg.core.customer import BadRecord
from stream_seg.core.whole import check_whole
from stream_seg.streaming.crash_points import reach
from stream_seg.streaming.quiet import LIBRARY_LOG

from . import changelog
from .bookmark import Bookmark, Unconfirmed, seal_of
from .changelog import BadChangelog, Header
from .disk import Databases, DiskRecords, StoreError
from .opening import check_end, check_seal, open_partition
from .records import MemoryRecords, Records


@dataclass(slots=True)
class PartitionState:
    """All that a worker holds of one partition.

    `records` are packed customers by key. `header` is the last of the partition, `unconfirmed` the changes that
    recovery found after the group whose changes are known to be published. `seal` is the checksum of the changelog
    record at `offset`, where it was read from a store or the topic.
    """

    records: Records = field(default_factory=MemoryRecords)
    header: Header | None = None
    offset: int | None = None  # of the last changelog record read or written
    epoch_seen: int = 0
    unconfirmed: Unconfirmed = field(default_factory=list)
    seal: int | None = None
    foreign: bool = False  # whether another worker wrote among what this one did

    @classmethod
    def from_disk(cls, records: DiskRecords) -> PartitionState:
        """What a database holds: as if the changelog had been restored up to its bookmark. Raises BadChangelog."""
        kept = records.bookmark()
        if kept is None:
            return cls(records)
        return cls(records, kept.header, kept.offset, kept.epoch_seen, list(kept.unconfirmed), kept.seal)

    def bookmark(self) -> Bookmark:
        """What belongs to the records as they are now."""
        # What someone else wrote among one's own may be missing here: then nobody goes on from these records.
        offset = None if self.foreign else self.offset
        return Bookmark(offset, self.seal or 0, self.epoch_seen, self.header, self.unconfirmed)

    def keep_restored(self) -> None:
        """Everything up to `offset` was restored."""
        if self.offset is not None:
            self.records.keep(self.bookmark)

    def keep_written(self) -> None:
        """The group that `header` ended is acknowledged, and its changes are published."""
        if self.header is not None:
            self.seal = seal_of(changelog.pack_header(self.header))
            self.records.keep(self.bookmark)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply one changelog record, in the order of the topic. Raises BadChangelog, BadRecord."""
        if key == changelog.HEADER_KEY:
            if value is not None:
                self._restore_header(changelog.unpack_header(value))
            return
        changelog.check_key(key)
        if value is None:
            self.records.forget(key)
            return
        entry = changelog.unpack_entry(value)
        check_whole(entry.record)
        if entry.epoch < self.epoch_seen:
            return  # written by a worker that had lost the partition already
        if entry.epoch > self.epoch_seen:
            # A new owner sends what it finds pending before it writes. What it did not find is another's decision.
            self.unconfirmed.clear()
        self.epoch_seen = entry.epoch
        self.records[key] = entry.record
        if entry.outbox:
            self.unconfirmed.append((entry.group, entry.outbox))

    def _restore_header(self, header: Header) -> None:
        if header.epoch < self.epoch_seen:
            return
        self.epoch_seen = header.epoch
        self.header = header
        self.unconfirmed = [item for item in self.unconfirmed if item[0] > header.confirmed]


class PartitionedStore(Store):  # type: ignore[misc]
    """Faust's store plug-in point. Keys and values are bytes.

    Options: `databases` makes it one on disk, as settings ask for it; `replayed` is told how many records of the
    changelog were applied.
    """

    logger = LIBRARY_LOG

    def __post_init__(self) -> None:
        self.partitions: dict[int, PartitionState] = {}
        self.failure: Exception | None = None

    @property
    def _databases(self) -> Databases | None:
        databases: Databases | None = (self.options or {}).get("databases")
        return databases

    def partition(self, number: int) -> PartitionState:
        """State of a partition, empty when nothing is known of it."""
        state = self.partitions.get(number)
        if state is None:
            state = self.partitions[number] = PartitionState()
        return state

    def keep_only(self, owned: Iterable[int]) -> None:
        """Forget every partition that is owned elsewhere; what is on disk stays there."""
        keep = set(owned)
        for number in [number for number in self.partitions if number not in keep]:
            records = self.partitions.pop(number).records
            if isinstance(records, DiskRecords):
                records.close()

    # What Faust asks of a store.

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget partitions that went elsewhere, before Faust asks from where to recover the others."""
        mine = {tp for tp in assigned if tp.topic == self.table.changelog_topic_name}
        self.keep_only(tp.partition for tp in mine)
        if self._databases is None:
            return
        opened = [tp for tp in mine if tp.partition not in self.partitions]
        found = await asyncio.gather(*(open_partition(self._databases, tp.partition) for tp in opened))
        for tp, records in zip(opened, found, strict=True):
            self.partitions[tp.partition] = PartitionState.from_disk(records)
        known = {tp: state for tp in opened if (state := self.partitions[tp.partition]).offset is not None}
        ends = await self.app.consumer.highwaters(*known) if known else {}
        for tp, state in known.items():
            check_end(self._databases, tp.partition, state.offset, ends[tp])

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Restore from events of the changelog; each carries a whole batch of records (see intake)."""
        for event in batch:
            records = event.message.value.records
            state = self.partition(event.message.partition)
            # Faust reads the record at the offset that the store has once more.
            known = [record for record in records if state.offset is not None and record.offset <= state.offset]
            try:
                if self._databases is not None:
                    for record in known:
                        check_seal(self._databases, event.message.partition, state, record)
                for record in records[len(known) :]:
                    state.restore(record.key, record.value)
                self.options["replayed"](len(records) - len(known))
                state.offset, state.seal = records[-1].offset, seal_of(records[-1].value)
                if isinstance(state.records, DiskRecords) and state.records.gathered():
                    state.keep_restored()
            except (BadChangelog, BadRecord, StoreError) as reason:
                # Faust would log this as a warning and go on with half a state; the owner looks here first.
                self.failure = self.failure or reason
            reach("recovering")

    def persisted_offset(self, tp: TP) -> int | None:
        """Last changelog offset that the store holds; what came before is not read again at a rebalance."""
        state = self.partitions.get(tp.partition)
        return state.offset if state else None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Faust's own sends would report here; the changelog is written by the checkpoint instead."""

    async def need_active_standby_for(self, tp: TP) -> bool:
        """Only the owner of a partition has it."""
        return False

    def reset_state(self) -> None:
        """Faust's command line would; whoever wants to start over deletes the directory."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """The changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """The changelog is the backup."""

    def __getitem__(self, key: bytes) -> bytes:
        for state in self.partitions.values():
            record = state.records.get(key)
            if record is not None:
                return record
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("customer records are written by the checkpoint, partition by partition")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("customer records are written by the checkpoint, partition by partition")

    def __iter__(self) -> Iterator[bytes]:
        for state in self.partitions.values():
            yield from (key for chunk in state.records.slices() for key, _ in chunk)

    def __len__(self) -> int:
        return sum(len(state.records) for state in self.partitions.values())

    def clear(self) -> None:
        """Forget everything; what is on disk stays there."""
        self.keep_only([])
