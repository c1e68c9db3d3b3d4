"""Opens the database of an assigned partition, and rejects one that belongs to another changelog."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.errors import StoreError, StoreLocked

from .bookmark import seal_of
from .disk import Databases, DiskRecords

log = logging.getLogger(__name__)

# Longest wait for a lock. Another worker on this machine closes a partition at about the time of our assignment.
LOCK_WAIT_S: Final = 5.0
LOCK_POLL_S: Final = 0.05
# Most directories of one partition. Stopped processes may keep some of them locked.
MAX_DIRECTORIES: Final = 8


class Sealed(Protocol):
    """A position in the changelog, and the checksum of the record there."""

    offset: int | None
    seal: int | None


async def open_partition(
    databases: Databases, number: int, clock: Clock = SYSTEM_CLOCK, *, lock_wait_s: float = LOCK_WAIT_S
) -> DiskRecords:
    """Return the database of a partition, emptied when it must not be used. Raises StoreError, BadChangelog.

    A stopped worker that lost the partition without noticing still has the database open. After `lock_wait_s` seconds
    another directory is used. Its records are older, or it has none, and the changelog brings them up to date.
    """
    name, deadline = str(number), clock.monotonic() + lock_wait_s
    for attempt in range(MAX_DIRECTORIES):
        directory = f"{name}.{attempt}" if attempt else name
        while True:
            try:
                return _open_usable(databases, directory)
            except StoreLocked as reason:
                if clock.monotonic() >= deadline:
                    log.warning("%s; taking another directory for partition %d", reason, number)
                    break
            await asyncio.sleep(LOCK_POLL_S)
    raise StoreError(
        f"{MAX_DIRECTORIES} processes have a store of partition {number} in {databases.directory} open. Give each"
        " deployment its own DATA_DIR, and end workers that are stopped"
    )


def _open_usable(databases: Databases, directory: str) -> DiskRecords:
    records = databases.open(directory)
    bookmark = records.bookmark()
    if bookmark is not None and bookmark.offset is None:
        records.close()
        log.warning("partition %s is restored from the changelog: its store may lack what others wrote", directory)
        return databases.open_empty(directory)
    return records


def check_end(databases: Databases, number: int, offset: int | None, end: int) -> None:
    """Raise StoreError when a store is ahead of its changelog, which ends at `end` (exclusive)."""
    if offset is not None and offset >= end:
        raise _other_changelog(
            databases, number, f"the store has offset {offset} of it, but it ends at {end}, so it was recreated"
        )


def check_seal(databases: Databases, number: int, state: Sealed, record: Any) -> None:
    """Raise StoreError when the changelog has another record at the store's offset than the store was made from."""
    if record.offset == state.offset and seal_of(record.value) != state.seal:
        raise _other_changelog(
            databases, number, f"the record at offset {record.offset} is not the one that the store holds"
        )


def _other_changelog(databases: Databases, number: int, why: str) -> StoreError:
    return StoreError(
        f"changelog, partition {number}: {why}. Stop all workers and delete {databases.directory} to start over from"
        " the changelog as it is now, or set BROKER to the broker that this store belongs to."
    )
