"""The changelog between two owners: a stale owner that wakes up loses no change and overwrites nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stream_seg.core.customer import Customer
from stream_seg.errors import IncompleteState, LeaseLost
from stream_seg.kafka.append import Appended
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint import changelog_writer as module
from stream_seg.worker.checkpoint.changelog_writer import ChangelogWriter
from stream_seg.worker.checkpoint.evaluate import Output
from stream_seg.worker.partitions.ownership import EpochReason, OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

CHANGE = b'{"sequence": 1}'


class Lease:
    """A lease that holds until it is `lost`."""

    lost = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLost


class Log:
    """The changelog of one partition, and the writer that appends to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []
        monkeypatch.setattr(module, "append_all", self._append)
        self.lease: Any = Lease()
        self.writer = ChangelogWriter(Settings(), lambda: None, self.lease, Metrics(CollectorRegistry()))

    async def _append(
        self, _producer: Any, _topic: str, messages: Mapping[int, Any], _timestamp_ms: int
    ) -> dict[int, list[Appended]]:
        first = len(self.records)
        self.records += [(key, value) for key, value, _ in messages[0]]
        return {0: [Appended(first, len(self.records) - 1)]}

    def recover(self, wall_ms: int) -> OwnedPartition:
        """Return the partition as a new owner takes it."""
        state = PartitionState()
        for at, (key, value) in enumerate(self.records):
            state.restore(key, value)
            state.offset = at
        return OwnedPartition.take(0, state, wall_ms, {})

    def take_over(self, partition: OwnedPartition) -> None:
        asyncio.run(self.writer.take_over([partition]))

    def write(self, partition: OwnedPartition, key: bytes, sequence: int, changes: tuple[bytes, ...] = ()) -> None:
        """Append a group with one customer, whose changes are not published yet."""
        customer = Customer(partition.position.epoch)
        customer.sequence = sequence
        partition.position.group += 1
        output = Output(partition, records={key: customer.pack()}, header=partition.header(1.0, 0.0))
        output.changes = {key: [Change(value) for value in changes]}  # type: ignore[misc]
        partition.state.records.update(output.records)
        asyncio.run(self.writer.append([output]))
        partition.position.confirmed = partition.position.group


class Change:
    """The part of a change that the changelog has."""

    def __init__(self, value: bytes) -> None:
        self.value = value


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def test_a_stale_owner_behind_the_takeover_is_ignored(log: Log) -> None:
    stale = log.recover(1_000)
    log.take_over(stale)
    log.write(stale, b"d", 1)
    owner = log.recover(2_000)
    log.take_over(owner)
    log.write(stale, b"c", 1, (CHANGE,))  # it was stopped after it had decided, and dies without publishing
    log.write(owner, b"d", 2)
    after = log.recover(3_000).state
    assert after.records.get(b"c") is None
    assert after.unconfirmed == []


def test_a_stale_owner_before_the_takeover_stops_the_new_one_and_its_changes_are_published(log: Log) -> None:
    stale = log.recover(1_000)
    log.take_over(stale)
    log.write(stale, b"d", 1)
    owner = log.recover(2_000)
    log.write(stale, b"c", 1, (CHANGE,))
    with pytest.raises(IncompleteState, match="another worker appended to its changelog during the takeover"):
        log.take_over(owner)
    again = log.recover(3_000)
    log.take_over(again)
    assert again.state.records.get(b"c") is not None
    assert again.state.unconfirmed == [(2, (CHANGE,))]


def test_a_crash_after_the_takeover_leaves_pending_changes_pending(log: Log) -> None:
    first = log.recover(1_000)
    log.take_over(first)
    log.write(first, b"c", 1, (CHANGE,))
    for wall_ms in (2_000, 3_000):
        owner = log.recover(wall_ms)
        assert owner.state.unconfirmed == [(1, (CHANGE,))]
        log.take_over(owner)


def test_the_mark_in_redis_is_that_of_the_last_group_and_not_of_a_takeover(log: Log) -> None:
    first = log.recover(1_000)
    assert first.cache.marked is None
    log.take_over(first)
    log.write(first, b"c", 1)
    second = log.recover(2_000)
    log.take_over(second)
    third = log.recover(3_000)
    assert second.cache.marked == third.cache.marked == (1_000, 1)


def test_nothing_is_appended_without_the_lease(log: Log) -> None:
    owner = log.recover(1_000)
    log.take_over(owner)
    log.write(owner, b"c", 1)
    written = list(log.records)
    log.lease.lost = True
    with pytest.raises(LeaseLost):
        log.write(owner, b"c", 2)
    with pytest.raises(LeaseLost):
        log.take_over(log.recover(2_000))
    assert log.records == written


def test_a_renewed_epoch_is_in_the_changelog(log: Log) -> None:
    first = log.recover(1_000)
    log.take_over(first)
    first.new_epoch(EpochReason.CACHE_LOST, 5_000)
    asyncio.run(log.writer.renew(first))
    assert log.recover(2_000).position.epoch == 5_001
