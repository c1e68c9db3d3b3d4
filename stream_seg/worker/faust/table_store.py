"""The store of the customers table, split by partition so that a lost partition can be dropped as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from stream_seg.errors import BadChangelog, BadRecord, StoreError
from stream_seg.worker.crash_points import reach
from stream_seg.worker.faust.library_log import LIBRARY_LOG
from stream_seg.worker.partitions.bookmark import seal_of
from stream_seg.worker.partitions.disk import Databases, DiskRecords
from stream_seg.worker.partitions.opening import check_end, check_seal, open_partition
from stream_seg.worker.partitions.state import PartitionState


class PartitionedStore(Store):  # type: ignore[misc]
    """Faust's store plug-in. Keys and values are bytes.

    Options: `databases` keeps the records on disk. `replayed` is called with the number of changelog records applied.
    `failure` is the first error of a recovery. The owner of the partitions checks it, because Faust only logs it.
    """

    logger = LIBRARY_LOG

    def __post_init__(self) -> None:
        self.partitions: dict[int, PartitionState] = {}
        self.failure: Exception | None = None
        self._since: dict[int, int] = {}  # group generation in which each partition was assigned

    @property
    def _databases(self) -> Databases | None:
        databases: Databases | None = (self.options or {}).get("databases")
        return databases

    def keep_only(self, owned: Iterable[int]) -> None:
        """Drop the state of every partition that is not in `owned`. Databases stay on disk."""
        keep = set(owned)
        for number in [number for number in self.partitions if number not in keep]:
            records = self.partitions.pop(number).records
            if isinstance(records, DiskRecords):
                records.close()

    # The interface of Faust's stores.

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop revoked partitions and open assigned ones. Called before Faust asks for the offset to recover from.

        Raises StoreError, BadChangelog.
        """
        changelogs = {tp for tp in assigned if tp.topic == self.table.changelog_topic_name}
        self.keep_only(tp.partition for tp in changelogs)
        opened = [tp for tp in changelogs if tp.partition not in self.partitions]
        self._since |= {tp.partition: generation_id for tp in opened}
        if self._databases is None:
            self.partitions |= {tp.partition: PartitionState() for tp in opened}
            return
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
        """Restore from changelog events, each of which carries a batch of records (see `batches`)."""
        for event in batch:
            records = event.message.value.records
            state = self.partitions.get(event.message.partition)
            if state is None or event.message.generation_id < self._since[event.message.partition]:
                # Faust buffers events, and may apply one after the partition was revoked, or revoked and reassigned.
                # In a new state, its offset would mark all changelog records before it as restored.
                continue
            # Faust reads the record at the stored offset again.
            known = [record for record in records if state.offset is not None and record.offset <= state.offset]
            try:
                if self._databases is not None:
                    for record in known:
                        check_seal(self._databases, event.message.partition, state, record)
                for record in records[len(known) :]:
                    state.restore(record.key, record.value)
                self.options["replayed"](len(records) - len(known))
                if len(known) < len(records):
                    state.offset, state.seal = records[-1].offset, seal_of(records[-1].value)
                if isinstance(state.records, DiskRecords) and state.records.gathered():
                    state.keep_restored()
            except (BadChangelog, BadRecord, StoreError) as reason:
                # Faust would log this as a warning and go on with an incomplete state.
                self.failure = self.failure or reason
            reach("recovering")

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the last changelog offset in the store, or -1 for none. Recovery starts there.

        To Faust, None would mean the position at which it last had the partition.
        """
        state = self.partitions.get(tp.partition)
        return -1 if state is None or state.offset is None else state.offset

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Do nothing. Faust reports its own sends here, but the checkpoint writes the changelog."""

    async def need_active_standby_for(self, tp: TP) -> bool:
        """Return False, because only the owner of a partition keeps its state."""
        return False

    def reset_state(self) -> None:
        """Do nothing. Only Faust's command line calls this. To start over, delete the directory."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Do nothing, because the changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Do nothing, because the changelog is the backup."""

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
        """Drop all partitions. Databases stay on disk."""
        self.keep_only([])
