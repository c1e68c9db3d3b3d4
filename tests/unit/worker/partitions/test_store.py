"""Recovery across rebalances restores all of a changelog or none of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import faust
import pytest
from faust.stores import STORES
from faust.types import TP

from stream_seg.core.customer import Customer
from stream_seg.errors import IncompleteState
from stream_seg.worker.faust.table_store import PartitionedStore
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_entry, pack_header
from stream_seg.worker.partitions.ownership import OwnedPartition

STORES.aliases["by-partition"] = "stream_seg.worker.faust.table_store:PartitionedStore"

Restored = tuple[set[bytes], int]
CHANGELOG = [(number, b"c-%d" % number) for number in range(6)]


class Stage:
    """A store that gets assignments and changelog events."""

    def __init__(self) -> None:
        app = faust.App("shop", broker="kafka://127.0.0.1:1", store="memory://")
        options = {"replayed": lambda _: None}
        self._table = app.Table("customers", partitions=8, store="by-partition://customers", options=options)
        self.store: PartitionedStore = self._table.data

    def tp(self, number: int) -> TP:
        """Return a partition of the changelog."""
        return TP(self._table.changelog_topic_name, number)

    def assign(self, generation: int, *numbers: int) -> None:
        """Assign partitions, as at the end of a rebalance."""
        asyncio.run(self.store.on_rebalance({self.tp(number) for number in numbers}, set(), set(), generation))

    def read(self, generation: int, number: int, first: int, last: int) -> None:
        """Apply a changelog batch that was fetched in `generation`."""
        entry = pack_entry(1, 1, Customer(1).pack())
        records = [SimpleNamespace(offset=at, key=key, value=entry) for at, key in CHANGELOG[first : last + 1]]
        message = SimpleNamespace(partition=number, generation_id=generation, value=SimpleNamespace(records=records))
        self.store.apply_changelog_batch([SimpleNamespace(message=message)], bytes, bytes)

    def restored(self, number: int) -> Restored:
        """Return the customers of a partition, and the offset from which Faust would continue."""
        return set(self.store.partitions[number].records), self.store.persisted_offset(self.tp(number))


ALL = {key for _, key in CHANGELOG}, 5


def test_events_of_a_revoked_partition_are_not_applied_after_it_returns() -> None:
    stage = Stage()
    stage.assign(1, 2, 3)
    stage.read(1, 3, 0, 1)
    stage.assign(2, 2)
    stage.read(1, 3, 2, 3)
    assert set(stage.store.partitions) == {2}
    stage.assign(3, 2, 3)
    stage.read(1, 3, 2, 3)
    assert stage.restored(3) == (set(), -1)
    stage.read(3, 3, 0, 3)
    stage.read(3, 3, 4, 5)
    assert stage.restored(3) == ALL


def test_a_partition_that_stays_continues_at_its_offset() -> None:
    stage = Stage()
    stage.assign(1, 3)
    stage.read(1, 3, 0, 1)
    stage.assign(2, 2, 3)
    stage.read(1, 3, 2, 3)
    stage.read(2, 3, 1, 2)
    stage.read(2, 3, 3, 5)
    assert stage.restored(3) == ALL


def test_records_that_are_already_applied_do_not_move_the_offset_back() -> None:
    stage = Stage()
    stage.assign(1, 3)
    stage.read(1, 3, 0, 5)
    stage.read(1, 3, 0, 2)
    assert stage.restored(3) == ALL


@pytest.mark.parametrize(("end", "customers"), [(7, 6), (6, 7)], ids=["not to its end", "not from its beginning"])
def test_an_incomplete_state_is_not_owned(end: int, customers: int) -> None:
    stage = Stage()
    stage.assign(1, 3)
    stage.read(1, 3, 0, 5)
    state = stage.store.partitions[3]
    held = OwnedPartition.take(3, state, 1, {})
    held.check_complete(6)
    state.restore(HEADER_KEY, pack_header(Header(2, 1, 1, 0.0, 1.0, customers=customers)))
    with pytest.raises(
        IncompleteState, match=rf"read up to offset 6 of {end}, and 6 customers .* must be {customers}\."
    ):
        held.check_complete(end)
    assert state.bookmark().offset is None  # the next start reads the whole changelog


def test_a_header_has_the_number_of_customers() -> None:
    stage = Stage()
    stage.assign(1, 3)
    stage.read(1, 3, 0, 5)
    held = OwnedPartition.take(3, stage.store.partitions[3], 1, {})
    assert held.header(1.0, 0.0).customers == 6
