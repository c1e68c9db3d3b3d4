"""The state of one partition: records, header, and the position in the changelog."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_seg.core.events.categories import CategoryNames
from stream_seg.core.record import validate

from . import changelog
from .bookmark import Bookmark, Unconfirmed, seal_of
from .changelog import Header
from .disk import DiskRecords
from .records import MemoryRecords, Records


@dataclass(slots=True)
class PartitionState:
    """The records of one partition and the results of its recovery.

    `records` are packed customers by key. `header` is the partition's last header. `unconfirmed` are the changes that
    recovery found after the last group whose changes are known to be published. `seal` is the checksum of the
    changelog record at `offset`, if that record was read from a store or the topic.
    """

    records: Records = field(default_factory=MemoryRecords)
    header: Header | None = None
    offset: int | None = None  # of the last changelog record that was read or written
    epoch_seen: int = 0
    unconfirmed: Unconfirmed = field(default_factory=list)
    seal: int | None = None
    incomplete: bool = False  # records may be missing, such as those that another worker wrote among its own
    categories: CategoryNames = field(default_factory=CategoryNames)
    _names: dict[int, str] = field(default_factory=dict)  # of categories, that the store does not have yet

    @classmethod
    def from_disk(cls, records: DiskRecords) -> PartitionState:
        """Return the state of a database, equal to the changelog restored up to its bookmark. Raises BadChangelog."""
        bookmark = records.bookmark()
        if bookmark is None:
            return cls(records)
        state = cls(
            records,
            bookmark.header,
            bookmark.offset,
            bookmark.epoch_seen,
            list(bookmark.unconfirmed),
            bookmark.seal,
        )
        for number, name in records.names():
            state.categories.restore(number, name)
        return state

    def take_new_names(self) -> dict[int, str]:
        """Return the names of categories that the changelog does not have yet."""
        names = self.categories.take_new()
        self._names |= names
        return names

    def bookmark(self) -> Bookmark:
        """Return the bookmark of the current records."""
        # If records may be missing, store no offset. A restart from it would never read the missing ones again.
        offset = None if self.incomplete else self.offset
        return Bookmark(offset, self.seal or 0, self.epoch_seen, self.header, self.unconfirmed)

    def keep_restored(self) -> None:
        """Make the records durable. Called when everything up to `offset` is restored."""
        if self.offset is not None:
            self._keep()

    def keep_written(self) -> None:
        """Make the records durable. Called when the group of `header` is acknowledged and its changes are published."""
        if self.header is not None:
            self.seal = seal_of(changelog.pack_header(self.header))
            self._keep()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply one changelog record, in the order of the topic. Raises BadChangelog, BadRecord."""
        if key == changelog.HEADER_KEY:
            if value is not None:
                self._restore_header(changelog.unpack_header(value))
            return
        category = changelog.category_of(key)
        if category is not None:
            self._restore_name(category, value)
            return
        changelog.check_key(key)
        if value is None:
            self.records.forget(key)
            return
        entry = changelog.unpack_entry(value)
        validate(entry.record)
        if entry.epoch < self.epoch_seen:
            return  # written by a worker that had already lost the partition
        if entry.epoch > self.epoch_seen:
            # A new owner publishes the pending changes that it finds before it writes. It did not find these, so a
            # stale worker wrote them.
            self.unconfirmed.clear()
        self.epoch_seen = entry.epoch
        self.records[key] = entry.record
        if entry.outbox:
            self.unconfirmed.append((entry.group, entry.outbox))

    def _keep(self) -> None:
        self.records.keep(self.bookmark, self._names)
        self._names.clear()

    def _restore_name(self, category: int, value: bytes | None) -> None:
        """Add the name of a category. A stale worker may write names too, because they never change."""
        if value is not None:
            self._names[category] = name = changelog.unpack_category(value)
            self.categories.restore(category, name)

    def _restore_header(self, header: Header) -> None:
        if header.epoch < self.epoch_seen:
            return
        self.epoch_seen = header.epoch
        self.header = header
        self.unconfirmed = [item for item in self.unconfirmed if item[0] > header.confirmed]
