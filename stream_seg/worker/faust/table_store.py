"""The table's store: customer records by partition, so that a lost partition is forgotten as a whole."""

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
    """Faust's store plug-in point. Keys and values are bytes.

    Options: `databases` makes it one on disk, as settings ask for it; `replayed` is told how many records of the
    changelog were applied.
    """

    logger = LIBRARY_LOG

    def __post_init__(self) -> None:
        self.partitions: dict[int, PartitionState] = {}
        self.failure: Exception | None = None
        self._since: dict[int, int] = {}  # generation of the group in which each of them was taken up

    @property
    def _databases(self) -> Databases | None:
        databases: Databases | None = (self.options or {}).get("databases")
        return databases

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
        opened = [tp for tp in mine if tp.partition not in self.partitions]
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
        """Restore from events of the changelog; each carries a whole batch of records (see intake)."""
        for event in batch:
            records = event.message.value.records
            state = self.partitions.get(event.message.partition)
            if state is None or event.message.generation_id < self._since[event.message.partition]:
                # Faust keeps one for later, and may come with it when the partition has gone, or gone and come back.
                # In a state that is not kept it would stand for all that lies before it in the changelog.
                continue
            # Faust reads the record at the offset that the store has once more.
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
                # Faust would log this as a warning and go on with half a state; the owner looks here first.
                self.failure = self.failure or reason
            reach("recovering")

    def persisted_offset(self, tp: TP) -> int | None:
        """Last changelog offset that the store holds; what came before is not read again at a rebalance.

        -1 for none: to Faust, None means wherever it was when it last had the partition.
        """
        state = self.partitions.get(tp.partition)
        return -1 if state is None or state.offset is None else state.offset

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
