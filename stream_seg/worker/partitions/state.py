"""What a worker holds of one partition: records, header, and how far the changelog was read or written."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_seg.core.record import validate

from . import changelog
from .bookmark import Bookmark, Unconfirmed, seal_of
from .changelog import Header
from .disk import DiskRecords
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
    incomplete: bool = False  # whether it may lack something, such as what another worker wrote among its own

    @classmethod
    def from_disk(cls, records: DiskRecords) -> PartitionState:
        """What a database holds: as if the changelog had been restored up to its bookmark. Raises BadChangelog."""
        kept = records.bookmark()
        if kept is None:
            return cls(records)
        return cls(records, kept.header, kept.offset, kept.epoch_seen, list(kept.unconfirmed), kept.seal)

    def bookmark(self) -> Bookmark:
        """What belongs to the records as they are now."""
        # What may be missing here nobody would read again who goes on from these records.
        offset = None if self.incomplete else self.offset
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
        validate(entry.record)
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
