"""A store on disk equals the changelog up to its bookmark, also after a restart."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stream_seg.core.customer import Customer
from stream_seg.errors import BadChangelog, StoreError, StoreLocked
from stream_seg.worker.partitions.bookmark import Bookmark, seal_of
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_entry, pack_header
from stream_seg.worker.partitions.disk import Databases, DiskRecords
from stream_seg.worker.partitions.opening import check_end, check_seal, open_partition
from stream_seg.worker.partitions.state import PartitionState

CHANGE = '{"name": "Ürün"}'.encode()


class Record(NamedTuple):
    """The fields of a changelog record that are read."""

    offset: int
    key: bytes
    value: bytes | None


def packed(sequence: int, segment: int = 0) -> bytes:
    customer = Customer(1)
    customer.sequence, customer.slots[0] = sequence, segment
    return customer.pack()


def header(epoch: int, group: int, confirmed: int) -> bytes:
    return pack_header(
        Header(epoch, group, confirmed, 5.0, 100.0, {"behavior": 1}, {"purchases": group}, {"purchases": 5.0})
    )


# Three groups of one worker, a write by that worker after it lost the partition, and an unfinished group of the next
# owner with two customers and a removal.
CHANGELOG = [
    Record(at, key, value)
    for at, (key, value) in enumerate(
        [
            (b"a", pack_entry(10, 1, packed(1), (CHANGE,))),
            (b"b", pack_entry(10, 1, packed(1))),
            (HEADER_KEY, header(10, 1, 0)),
            (b"a", pack_entry(10, 2, packed(2), (CHANGE + b" ", CHANGE))),
            (HEADER_KEY, header(10, 2, 1)),
            (b"c", pack_entry(10, 3, packed(1, 4), (CHANGE,))),
            (HEADER_KEY, header(10, 3, 2)),
            (b"b", pack_entry(20, 4, packed(2))),
            (b"a", pack_entry(10, 4, packed(9))),
            (b"d", pack_entry(20, 4, packed(1), (CHANGE,))),
            (b"c", None),
        ]
    )
]


def recovered(state: PartitionState) -> tuple[object, ...]:
    """Return all results of recovery."""
    records = dict(pair for chunk in state.records.slices() for pair in chunk)
    return records, state.header, state.epoch_seen, state.unconfirmed


def restore(state: PartitionState, changelog: list[Record]) -> PartitionState:
    for record in changelog:
        state.restore(record.key, record.value)
        state.offset, state.seal = record.offset, seal_of(record.value)
    return state


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    return Databases(tmp_path / "store")


@pytest.mark.parametrize("cut", range(len(CHANGELOG) + 1))
def test_a_store_written_at_any_offset_recovers_like_the_whole_changelog(databases: Databases, cut: int) -> None:
    first = restore(PartitionState(databases.open("3")), CHANGELOG[:cut])
    first.keep_restored()
    close(first)

    again = PartitionState.from_disk(databases.open("3"))
    assert recovered(again) == recovered(restore(PartitionState(), CHANGELOG[:cut]))
    assert again.offset == (cut - 1 if cut else None)
    full = restore(PartitionState(), CHANGELOG)
    assert recovered(restore(again, CHANGELOG[cut:])) == recovered(full)
    again.keep_restored()
    assert again.records.sizes() == full.records.sizes()
    close(again)


def test_records_in_flight_are_lost_in_a_crash(databases: Databases) -> None:
    state = restore(PartitionState(databases.open("0")), CHANGELOG[:3])
    state.keep_restored()
    state.records.update({b"a": packed(7), b"new": packed(1)})
    assert state.records.get(b"a") == packed(7)
    close(state)
    again = PartitionState.from_disk(databases.open("0"))
    assert recovered(again) == recovered(restore(PartitionState(), CHANGELOG[:3]))
    close(again)


def test_a_written_group_has_its_header_and_no_pending_changes(databases: Databases) -> None:
    state = restore(PartitionState(databases.open("0")), CHANGELOG[:3])
    state.unconfirmed.clear()  # sent again
    state.records.update({b"e": packed(1, 2)})
    state.offset, state.header = 17, Header(30, 5, 4, 6.0, 100.0, {"behavior": 1})
    state.keep_written()
    close(state)
    again = PartitionState.from_disk(databases.open("0"))
    assert (again.offset, again.header, again.unconfirmed) == (17, state.header, [])
    assert again.records.get(b"e") == packed(1, 2)
    check_seal(databases, 0, again, Record(17, HEADER_KEY, pack_header(state.header)))
    close(again)


def close(state: PartitionState) -> None:
    assert isinstance(state.records, DiskRecords)
    state.records.close()


# Stores that are rejected


def test_a_store_of_a_longer_changelog_is_rejected(databases: Databases) -> None:
    check_end(databases, 3, 9, 10)
    check_end(databases, 3, None, 0)
    with pytest.raises(
        StoreError, match=r"partition 3: the store has offset 9 of it, but it ends at 9.*delete .*store"
    ):
        check_end(databases, 3, 9, 9)


def test_a_store_of_another_changelog_is_rejected(databases: Databases) -> None:
    state = restore(PartitionState(), CHANGELOG[:3])
    check_seal(databases, 3, state, CHANGELOG[1])
    check_seal(databases, 3, state, CHANGELOG[2])
    with pytest.raises(StoreError, match="record at offset 2 is not the one that the store holds"):
        check_seal(databases, 3, state, CHANGELOG[2]._replace(value=header(11, 1, 0)))


def test_an_incomplete_store_is_emptied_and_restored_from_the_start_of_the_changelog(databases: Databases) -> None:
    state = restore(PartitionState(databases.open("0")), CHANGELOG[:3])
    state.incomplete = True
    state.keep_written()
    close(state)
    records = asyncio.run(open_partition(databases, 0))
    assert recovered(PartitionState.from_disk(records)) == recovered(PartitionState())
    records.close()


def test_an_unreadable_bookmark_is_rejected() -> None:
    with pytest.raises(BadChangelog, match="bookmark of format 9"):
        Bookmark.loads(b'{"format": 9}')
    for value in (b"{", b"[]", b'{"format": 1}'):
        with pytest.raises(BadChangelog, match="bookmark cannot be read"):
            Bookmark.loads(value)


def test_a_damaged_database_is_rejected_in_one_sentence(databases: Databases) -> None:
    databases.open("0").close()
    (databases.directory / "0" / "CURRENT").write_text("garbage")
    with pytest.raises(StoreError, match=r"cannot be opened: Corruption.*Delete that directory"):
        databases.open("0")


def test_a_directory_that_cannot_be_written_is_rejected_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be opened: .*DATA_DIR"):
        Databases(tmp_path / "store").open("0")


# Two workers on one machine


@pytest.fixture
def stopped(databases: Databases) -> Iterator[subprocess.Popen[bytes]]:
    """Start another process that has the database of partition 5 open."""
    script = (
        "import sys; from pathlib import Path; from stream_seg.worker.partitions.disk import Databases\n"
        "kept = Databases(Path(sys.argv[1])).open('5'); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(databases.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def test_a_partition_moves_when_the_other_worker_closes_it(
    databases: Databases, stopped: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(StoreLocked):
        databases.open("5")

    async def move() -> DiskRecords:
        opens = asyncio.create_task(open_partition(databases, 5))
        await asyncio.sleep(0)
        stopped.kill()
        return await opens

    asyncio.run(move()).close()
    assert [path.name for path in databases.directory.iterdir()] == ["5"]


@pytest.mark.usefixtures("stopped")
def test_another_directory_is_used_while_the_first_stays_locked(databases: Databases) -> None:
    records = asyncio.run(open_partition(databases, 5, lock_wait_s=0.0))
    assert len(records) == 0
    assert sorted(path.name for path in databases.directory.iterdir()) == ["5", "5.1"]
    records.close()
