"""The table's store: customer records by partition, so that a lost partition is forgotten as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from stream_seg.core.customer import BadRecord
from stream_seg.core.whole import check_whole

from . import changelog
from .changelog import BadChangelog, Header
from .crash_points import reach
from .quiet import LIBRARY_LOG


@dataclass(slots=True)
class PartitionState:
    """All that a worker holds of one partition.

    `records` are packed customers by key. `header` is the last of the partition, `unconfirmed` the changes that
    recovery found after the group whose changes are known to be published.
    """

    records: dict[bytes, bytes] = field(default_factory=dict)
    header: Header | None = None
    offset: int | None = None  # of the last changelog record read or written
    epoch_seen: int = 0
    unconfirmed: list[tuple[int, tuple[bytes, ...]]] = field(default_factory=list)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply one changelog record, in the order of the topic. Raises BadChangelog, BadRecord."""
        if key == changelog.HEADER_KEY:
            if value is not None:
                self._restore_header(changelog.unpack_header(value))
            return
        changelog.check_key(key)
        if value is None:
            self.records.pop(key, None)
            return
        entry = changelog.unpack_entry(value)
        check_whole(entry.record)
        if entry.epoch < self.epoch_seen:
            return  # written by a worker that had lost the partition already
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
    """Faust's store plug-in point, in memory. Keys and values are bytes."""

    logger = LIBRARY_LOG

    def __post_init__(self) -> None:
        self.partitions: dict[int, PartitionState] = {}
        self.failure: BadChangelog | BadRecord | None = None

    def partition(self, number: int) -> PartitionState:
        """State of a partition, empty when nothing is known of it."""
        state = self.partitions.get(number)
        if state is None:
            state = self.partitions[number] = PartitionState()
        return state

    def keep_only(self, owned: Iterable[int]) -> None:
        """Forget every partition that is owned elsewhere."""
        keep = set(owned)
        for number in [number for number in self.partitions if number not in keep]:
            del self.partitions[number]

    # What Faust asks of a store.

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget partitions that went elsewhere, before Faust asks from where to recover the others."""
        changelog_topic = self.table.changelog_topic_name
        self.keep_only(tp.partition for tp in assigned if tp.topic == changelog_topic)

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Restore from events of the changelog; each carries a whole batch of records (see intake)."""
        for event in batch:
            records = event.message.value.records
            state = self.partition(event.message.partition)
            try:
                for record in records:
                    # Faust reads the record at the offset that the store has once more.
                    if state.offset is None or record.offset > state.offset:
                        state.restore(record.key, record.value)
            except (BadChangelog, BadRecord) as reason:
                # Faust would log this as a warning and go on with half a state; the owner looks here first.
                self.failure = reason
            state.offset = records[-1].offset
            reach("recovering")

    def persisted_offset(self, tp: TP) -> int | None:
        """Last changelog offset that the store holds; what came before is not read again at a rebalance."""
        state = self.partitions.get(tp.partition)
        return state.offset if state else None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Faust's own sends would report here; the changelog is written by the checkpoint instead."""

    async def need_active_standby_for(self, tp: TP) -> bool:
        """Without a disk there is nothing to keep up to date."""
        return False

    def reset_state(self) -> None:
        """Nothing is kept on disk."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """The changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """The changelog is the backup."""

    def __getitem__(self, key: bytes) -> bytes:
        for state in self.partitions.values():
            if key in state.records:
                return state.records[key]
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("customer records are written by the checkpoint, partition by partition")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("customer records are written by the checkpoint, partition by partition")

    def __iter__(self) -> Iterator[bytes]:
        for state in self.partitions.values():
            yield from state.records

    def __len__(self) -> int:
        return sum(len(state.records) for state in self.partitions.values())

    def clear(self) -> None:
        """Forget everything."""
        self.partitions.clear()
