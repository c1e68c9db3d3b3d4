"""The cache sync against a cache in memory: lost documents come back, and no mark covers missing ones."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from benchmarks.workload import fixed_model
from stream_seg.cache.memory import MemoryCache, MemoryServer
from stream_seg.cache.port import Mark
from stream_seg.clock import Clock
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.customer import Customer
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.record import columns
from stream_seg.errors import CacheRefused
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.checkpoint import cache_sync as module
from stream_seg.worker.checkpoint.cache_sync import COMPARE_S, CacheSync
from stream_seg.worker.checkpoint.documents import documents_of
from stream_seg.worker.checkpoint.evaluate import Output
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState
from tests.activity import Activity

CUSTOMERS = [f"c-{number}" for number in range(5)]
EPOCH = 1_000


class Stage:
    """The cache sync of one partition with five customers, and the server that it writes to.

    Two seconds pass between any two readings of its clock.
    """

    def __init__(self, server: MemoryServer | None = None, epoch: int = EPOCH) -> None:
        self.server = server or MemoryServer()
        self.cache = MemoryCache(server=self.server)
        self.engine = Engine(Rules(Decay(1.0)), Behavior(model=ModelSnapshot(**fixed_model()).to_model()))
        passed = itertools.count()
        clock = Clock(wall=lambda: 0.0, monotonic=lambda: next(passed) * 2 * COMPARE_S)
        self.cache_sync = CacheSync(self.cache, self.engine, self.renew, Metrics(CollectorRegistry()), clock)
        state = PartitionState()
        for name in CUSTOMERS:
            state.records[name.encode()] = in_segment(0, 1)
        self.partition = OwnedPartition.take(0, state, epoch, {}, self.engine.dimensions)
        self.partition.position.group = 7
        self.renewed: list[int] = []

    async def renew(self, partition: OwnedPartition) -> None:
        """Note the epochs that are written to the changelog."""
        self.renewed.append(partition.position.epoch)

    async def tend(self, turns: int = 1) -> None:
        """Tend the cache as the checkpoint does between two groups. Three turns repair all customers."""
        for _ in range(turns):
            await self.cache_sync.tend({0: self.partition})

    async def write(self, name: str, segment: int, sequence: int) -> None:
        """Write a group that moves one customer."""
        key, record = name.encode(), in_segment(segment, sequence)
        self.partition.position.group += 1
        self.partition.state.records[key] = record
        (document,) = documents_of(columns([record]), [0], [key], [self.partition.position.epoch], self.engine)
        await self.cache_sync.write([Output(self.partition, documents=[document])])

    async def segments(self) -> dict[str, str]:
        """Return the segment that readers find, by customer."""
        found = await self.cache.get_many(CUSTOMERS)
        return {name: customer.segments["behavior"].segment for name, customer in found.items() if customer is not None}

    async def mark(self) -> Mark | None:
        """Return the mark of the partition in Redis."""
        return (await self.cache.marks([0]))[0]


def in_segment(segment: int, sequence: int) -> bytes:
    """Return the record of a customer in a segment."""
    customer = Customer(EPOCH)
    customer.slots[0], customer.sequence, customer.versions[0] = segment, sequence, 1
    customer.since[0] = customer.as_of = 1_700_000_000.0 + sequence
    return customer.pack()


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repair two customers at a time."""
    monkeypatch.setattr(module, "REPAIR_SLICE", 2)


def run(story: Callable[[], Awaitable[Any]]) -> None:
    """Run a story to its end."""
    asyncio.run(story())  # type: ignore[arg-type]


ALL = dict.fromkeys(CUSTOMERS, "b0")


def test_an_empty_redis_is_filled_slice_by_slice_and_marked_when_it_is_complete() -> None:
    async def story() -> None:
        stage = Stage()
        sizes = []
        for _ in range(4):
            await stage.tend()
            sizes.append((len(await stage.segments()), await stage.mark()))
        # The first slice sets a mark of this epoch: a repair has begun. Only group 7 says that it is complete.
        assert sizes == [(2, (EPOCH, 0)), (4, (EPOCH, 0)), (5, (EPOCH, 7)), (5, (EPOCH, 7))]

    run(story)


def test_the_next_worker_begins_again_after_a_crash_during_a_repair() -> None:
    async def story() -> None:
        before = Stage()
        await before.tend()
        after = Stage(before.server, EPOCH + 1)
        after.partition.cache.marked = Mark(EPOCH, 7)  # from the changelog's header
        await after.tend(3)
        assert (await after.segments(), await after.mark()) == (ALL, (EPOCH + 1, 7))

    run(story)


def test_a_wiped_redis_is_noticed_and_filled_under_a_new_epoch() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.wipe()
        await stage.tend(3)
        assert stage.partition.position.epoch == EPOCH + 1
        assert stage.renewed == [EPOCH + 1]
        assert (await stage.segments(), await stage.mark()) == (ALL, (EPOCH + 1, 7))

    run(story)


def test_a_redis_wiped_between_two_groups_gets_no_mark_over_missing_documents() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.wipe()
        await stage.write("c-0", 1, 2)
        assert (await stage.segments(), await stage.mark()) == ({"c-0": "b1"}, None)
        await stage.tend(3)
        assert (await stage.segments(), await stage.mark()) == (ALL | {"c-0": "b1"}, (EPOCH + 1, 8))

    run(story)


def test_documents_wait_while_redis_is_down_and_are_written_when_it_is_back() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.available = False
        await stage.write("c-1", 2, 2)
        await stage.write("c-1", 3, 3)
        await stage.tend()
        assert (stage.cache_sync.up, len(stage.partition.cache.dirty)) == (False, 1)
        stage.server.available = True
        assert (await stage.segments(), await stage.mark()) == (ALL, (EPOCH, 7))
        await stage.tend()
        assert (stage.cache_sync.up, len(stage.partition.cache.dirty)) == (True, 0)
        assert (await stage.segments(), await stage.mark()) == (ALL | {"c-1": "b3"}, (EPOCH, 9))

    run(story)


def test_a_redis_that_refuses_from_the_start_is_an_error() -> None:
    async def story() -> None:
        stage = Stage()
        stage.server.refusing = True
        with pytest.raises(CacheRefused):
            await stage.tend()

    run(story)


def test_a_redis_that_refuses_only_writes_is_an_error_too() -> None:
    async def story() -> None:
        stage = Stage()
        assert await stage.cache_sync._compare({0: stage.partition})
        stage.server.refusing = True
        with pytest.raises(CacheRefused):
            await stage.write("c-1", 2, 2)

    run(story)


def test_a_later_refusal_counts_as_an_outage() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.refusing = True
        await stage.write("c-1", 2, 2)
        assert (stage.cache_sync.up, len(stage.partition.cache.dirty)) == (False, 1)
        stage.server.refusing = False
        await stage.tend()
        assert (stage.cache_sync.up, len(stage.partition.cache.dirty)) == (True, 0)
        assert await stage.segments() == ALL | {"c-1": "b2"}

    run(story)


def test_the_active_model_is_written_and_written_again_after_a_loss() -> None:
    async def story() -> None:
        stage = Stage()
        snapshot = ModelSnapshot(**fixed_model())
        stage.cache_sync.show_model(snapshot.version, snapshot.dumps())
        await stage.tend(3)
        for _ in range(2):
            assert ((await stage.cache.model()) or {})["version"] == snapshot.version
            stage.server.wipe()
            await stage.tend(3)

    run(story)


def test_a_document_has_the_segment_of_each_dimension_and_when_it_ends() -> None:
    engine = Engine(Rules(Decay(1.0)), Behavior(model=ModelSnapshot(**fixed_model()).to_model()), Activity())
    customer = Customer.unpack(in_segment(1, 4))
    customer.slots[Activity.position], customer.until[Activity.position] = 0, 1_700_086_400.0
    customer.since[Activity.position] = 1_700_000_000.0
    (document,) = documents_of(columns([customer.pack()]), [0], [b"a"], [9], engine)
    assert (document.customer_id, document.sequence, document.epoch, document.model_version) == ("a", 4, 9, 1)
    behavior, activity = document.segments
    assert (behavior.dimension, behavior.segment, behavior.until) == ("behavior", "b1", None)
    assert activity == ("activity", "odd", "Odd", "2023-11-14T22:13:20Z", "2023-11-15T22:13:20Z")


def test_a_customer_who_was_never_in_a_segment_is_not_repaired() -> None:
    async def story() -> None:
        stage = Stage()
        stage.partition.state.records[b"new"] = in_segment(-1, 0)
        await stage.tend(4)
        assert await stage.cache.get("new") is None
        assert await stage.segments() == ALL

    run(story)
