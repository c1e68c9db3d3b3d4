"""Contract tests of a partition's customer records, in memory and on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream_seg.core.customer import Customer
from stream_seg.worker.partitions.bookmark import Bookmark
from stream_seg.worker.partitions.dirty import MAX_DIRTY_KEYS, Dirty
from stream_seg.worker.partitions.disk import Databases, DiskRecords
from stream_seg.worker.partitions.records import MemoryRecords, Records

MARK = Bookmark(7, 1, 100, None, [])


def record(segment: int, sequence: int = 0) -> bytes:
    """Return the record of a customer in a segment, -1 for none."""
    customer = Customer(1)
    customer.slots[0], customer.sequence = segment, sequence
    return customer.pack()


def in_memory(_: Path) -> Records:
    return MemoryRecords()


def on_disk(directory: Path) -> Records:
    return Databases(directory).open("0")


@pytest.fixture(params=[in_memory, on_disk])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    make: Callable[[Path], Records] = request.param
    opened = make(tmp_path)
    yield opened
    if isinstance(opened, DiskRecords):
        opened.close()


@pytest.fixture(params=[False, True], ids=["in-flight", "kept"])
def settle(request: pytest.FixtureRequest, records: Records) -> Callable[[], None]:
    """Return a function that keeps changes in flight, or leaves them there. Reads must give the same result."""

    def act() -> None:
        if request.param:
            records.keep(lambda: MARK)

    return act


def everything(records: Records, size: int = 3) -> dict[bytes, bytes]:
    """Return all records. Each must occur once."""
    pairs = [pair for chunk in records.slices(size) for pair in chunk]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def keys(count: int) -> list[bytes]:
    return [b"c-%d" % number for number in range(count)]


def test_records_are_empty_at_first(records: Records) -> None:
    assert records.get(b"a") is None
    assert b"a" not in records
    assert len(records) == 0
    assert everything(records) == {}
    assert len(records.scan()) == 0
    assert records.scan().take(5) == []
    assert records.sample(5, "s") == []
    assert records.sizes() == Counter()


def test_the_latest_record_is_read(records: Records, settle: Callable[[], None]) -> None:
    records[b"a"] = record(1)
    settle()
    records.update({b"a": record(2), b"b": record(-1), b"\xff\x00": record(3)})
    settle()
    wanted = {b"a": record(2), b"b": record(-1), b"\xff\x00": record(3)}
    assert {key: records.get(key) for key in wanted} == wanted
    assert everything(records) == wanted
    assert b"a" in records
    assert b"c" not in records


def test_a_forgotten_customer_is_gone(records: Records, settle: Callable[[], None]) -> None:
    records.update({b"a": record(1), b"b": record(1)})
    settle()
    records.forget(b"a")
    records.forget(b"unknown")
    settle()
    assert records.get(b"a") is None
    assert everything(records) == {b"b": record(1)}
    assert records.sample(5, "s") in ([(b"b", record(1))], [])  # it may be left out while in flight
    records.keep(lambda: MARK)
    assert records.sample(5, "s") == [(b"b", record(1))]
    assert len(records) == 1
    assert records.sizes() == Counter({(0, 1): 1})


def test_slices_have_the_requested_size(records: Records, settle: Callable[[], None]) -> None:
    records.update({key: record(0) for key in keys(10)})
    settle()
    assert [len(chunk) for chunk in records.slices(4)] == [4, 4, 2]
    assert set(everything(records, 10)) == set(keys(10))


def test_sizes_follow_all_changes(records: Records) -> None:
    records.update({key: record(number % 3 - 1) for number, key in enumerate(keys(9))})
    records.keep(lambda: MARK)
    assert records.sizes() == Counter({(0, 0): 3, (0, 1): 3})
    records.update({b"c-0": record(1), b"c-1": record(-1), b"new": record(5)})
    records[b"c-0"] = record(5)  # once more in the same group
    records.forget(b"c-2")
    records.keep(lambda: MARK)
    assert records.sizes() == Counter({(0, 0): 2, (0, 1): 2, (0, 5): 2})
    assert len(records) == 9


def test_a_scan_visits_each_customer_once_with_its_current_record(records: Records) -> None:
    records.update({key: record(0) for key in keys(10)})
    records.keep(lambda: MARK)
    scan = records.scan()
    assert len(scan) == 10
    assert scan.take(0) == []
    assert len(scan) == 10
    first = scan.take(4)
    assert len(first) == 4
    left = sorted(set(keys(10)) - {key for key, _ in first})
    records.update({key: record(3) for key in left})  # in flight
    records.forget(left[0])
    rest = []
    for _ in range(10):
        rest += scan.take(4)
    assert sorted(rest) == [(key, record(3)) for key in left[1:]]
    assert len(scan) == 0


def test_two_scans_are_independent(records: Records) -> None:
    records.update({key: record(0) for key in keys(6)})
    records.keep(lambda: MARK)
    one, two = records.scan(), records.scan()
    assert len(one.take(6)) == len(two.take(6)) == 6
    assert len(one) in (0, 1)  # a scan on disk notices its end with the next step
    assert one.take(1) == []


def test_a_sample_has_the_requested_size_without_repeats_and_depends_on_its_seed(records: Records) -> None:
    records.update({key: record(0) for key in keys(200)})
    records.keep(lambda: MARK)
    drawn = [records.sample(50, f"seed {number}") for number in range(200)]
    assert {len({key for key, _ in each}) for each in drawn} == {50}
    assert records.sample(50, "seed 3") == drawn[3]
    assert len(records.sample(500, "s")) == 200
    # Each customer is drawn with probability 1/4, so 50 times in 200 samples, with a standard deviation of 6.
    times = Counter(key for each in drawn for key, _ in each)
    assert min(times[key] for key in keys(200)) > 14
    assert max(times.values()) < 86


# Dirty customers


def test_dirty_customers_are_returned_until_they_are_clean(records: Records) -> None:
    dirty = Dirty(records)
    dirty.mark_dirty([b"a", b"b"])
    assert sorted(dirty.first(5)) == [b"a", b"b"]
    dirty.clean([b"a"])
    assert dirty.first(5) == [b"b"]
    dirty.clean([b"b"])
    assert not dirty


def test_if_all_are_dirty_customers_in_a_segment_are_returned_in_slices(records: Records) -> None:
    records.update({key: record(-1 if number < 10 else 2) for number, key in enumerate(keys(100))})
    records.keep(lambda: MARK)
    dirty, returned = Dirty(records), []
    dirty.mark_all_dirty()
    assert len(dirty) == 100
    while dirty:
        slice_ = dirty.first(7)
        assert len(slice_) <= 7
        assert set(dirty.first(7)) >= set(slice_)  # a write may fail
        returned += slice_
        dirty.clean(slice_)
    assert sorted(returned) == sorted(keys(100)[10:])


def test_too_many_dirty_customers_count_as_all(records: Records) -> None:
    records.update({key: record(1) for key in keys(5)})
    records.keep(lambda: MARK)
    dirty = Dirty(records)
    dirty.mark_dirty(b"x-%d" % number for number in range(MAX_DIRTY_KEYS + 1))
    assert len(dirty) == 5
    assert sorted(dirty.first(10)) == keys(5)
