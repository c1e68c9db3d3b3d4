"""Opening the database of a partition that is assigned, and refusing one that belongs to another changelog."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import Any, Final, Protocol

from stream_seg.errors import StoreError, StoreLocked

from .bookmark import seal_of
from .disk import Databases, DiskRecords

log = logging.getLogger(__name__)

# Another worker of this machine closes a partition at its own assignment, at about the time of ours.
LOCK_WAIT_S: Final = 5.0
LOCK_POLL_S: Final = 0.05
# Directories that one partition may have, should processes that stand still keep the others locked.
PLACES: Final = 8


class Sealed(Protocol):
    """How far a state goes, and the checksum of the changelog record there."""

    offset: int | None
    seal: int | None


async def open_partition(databases: Databases, number: int) -> DiskRecords:
    """The database of a partition, empty where it must not be built upon. Raises StoreError, BadChangelog.

    A worker that lost the partition and does not know it, because it was stopped, still has the database open. Then
    another directory is taken: its records are older, or none, and the changelog brings them up to date.
    """
    name, waited_until = str(number), monotonic() + LOCK_WAIT_S
    for place in range(PLACES):
        directory = f"{name}.{place}" if place else name
        while True:
            try:
                return _trusted(databases, directory)
            except StoreLocked as reason:
                if monotonic() >= waited_until:
                    log.warning("%s; taking another directory for partition %d", reason, number)
                    break
            await asyncio.sleep(LOCK_POLL_S)
    raise StoreError(
        f"{PLACES} processes have a store of partition {number} in {databases.directory} open: give each worker of"
        " another deployment its own DATA_DIR, and end workers that stand still"
    )


def _trusted(databases: Databases, directory: str) -> DiskRecords:
    records = databases.open(directory)
    kept = records.bookmark()
    if kept is not None and kept.offset is None:
        records.close()
        log.warning("partition %s is restored from the changelog: its store may lack what others wrote", directory)
        return databases.open_empty(directory)
    return records


def check_end(databases: Databases, number: int, offset: int | None, end: int) -> None:
    """Raise StoreError where a store goes further than its changelog, which ends at `end` (exclusive)."""
    if offset is not None and offset >= end:
        raise _other_changelog(
            databases, number, f"the store has offset {offset} of it, but it ends at {end}: it was recreated"
        )


def check_seal(databases: Databases, number: int, state: Sealed, record: Any) -> None:
    """Raise StoreError where the changelog has another record at a store's offset than the store was made from."""
    if record.offset == state.offset and seal_of(record.value) != state.seal:
        raise _other_changelog(
            databases, number, f"the record at offset {record.offset} is not the one that the store holds"
        )


def _other_changelog(databases: Databases, number: int, why: str) -> StoreError:
    return StoreError(
        f"changelog, partition {number}: {why}. Stop all workers and delete {databases.directory} to start over from"
        " the changelog as it is now; or set BROKER to the one that this store belongs to."
    )
