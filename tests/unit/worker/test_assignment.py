"""The partitions of a worker: their clocks, epochs, sizes and pending sweeps."""

from __future__ import annotations

import pytest

from stream_seg.clock import Clock
from stream_seg.settings import Settings
from stream_seg.worker.partitions.assignment import Partitions
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_header
from stream_seg.worker.partitions.ownership import EpochReason, OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

WALL_S = 1_800_000_000.0


def owned(number: int = 0, **ends: int) -> OwnedPartition:
    """Return a partition with these end offsets, owned under epoch 1000."""
    return OwnedPartition.take(number, PartitionState(), 1_000, ends)


def partitions(*members: OwnedPartition, clock: str = "stream", **ends: int) -> Partitions:
    """Return partitions whose input topics end at `ends`, by topic name."""
    assigned = Partitions(Settings(clock=clock), lambda topic, _partition: ends.get(topic), Clock(wall=lambda: WALL_S))
    assigned.owned = {partition.number: partition for partition in members}
    return assigned


@pytest.mark.parametrize(
    ("ends", "clock"),
    [
        ({}, 0.0),  # nothing is known of profiles
        ({"profiles": 0}, 100.0),  # profiles is empty, and interactions is the slowest topic
        ({"profiles": 0, "interactions": 6}, 300.0),  # interactions is read to its end
        ({"profiles": 0, "interactions": 6, "purchases": 8}, 300.0),  # all are
        ({"profiles": 0, "interactions": 7}, 100.0),  # one interaction is left
    ],
)
def test_the_clock_follows_the_slowest_topic_that_has_records_left(ends: dict[str, int], clock: float) -> None:
    partition = owned()
    partition.progress.absorbed("purchases", 7, 300.0)
    partition.progress.absorbed("interactions", 5, 100.0)
    assert partitions(partition, **ends).clock(partition) == clock


@pytest.mark.parametrize(("clock", "now"), [("stream", 0.0), ("wall", WALL_S)])
def test_customers_are_evaluated_by_the_clock_of_the_settings(clock: str, now: float) -> None:
    partition = owned()
    assert partitions(partition, clock=clock).now(partition) == now


@pytest.mark.parametrize(("wall_ms", "epoch"), [(2_000, 2_000), (1_000, 1_001), (3, 1_001)])
def test_a_new_epoch_is_always_higher(wall_ms: int, epoch: int) -> None:
    partition = owned()
    partition.new_epoch(EpochReason.CACHE_LOST, wall_ms)
    assert partition.position.epoch == epoch


def test_the_next_owner_takes_a_higher_epoch_even_when_its_clock_is_behind() -> None:
    state = PartitionState()
    state.restore(HEADER_KEY, pack_header(Header(5_000, 1, 1, 0.0, 1.0)))
    assert OwnedPartition.take(0, state, 1_000, {}).position.epoch == 5_001


def test_an_epoch_that_the_changelog_does_not_have_is_not_seen() -> None:
    partition = owned()
    partition.new_epoch(EpochReason.CACHE_LOST, 5_000)
    # Otherwise a store on disk would ignore what the next owner writes under an epoch in between.
    assert partition.state.bookmark().epoch_seen < 5_000


def test_sizes_and_sweeps_are_added_up_over_partitions() -> None:
    first, second = owned(0), owned(1)
    first.sizes.update({"behavior:b0": 2, "behavior:b1": 1})
    second.sizes.update({"behavior:b1": 3})
    second.state.records.update({b"c": b"record"})
    together = partitions(first, second)
    assert together.sizes() == {"behavior:b0": 2, "behavior:b1": 4}
    assert (together.swept(), together.customers_to_reevaluate()) == ([], 0)
    second.reevaluate({})  # every customer is evaluated with it
    assert together.swept() == []
    second.reevaluate({"behavior": 1})
    assert (together.swept(), together.customers_to_reevaluate()) == ([second], 1)
