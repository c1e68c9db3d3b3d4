"""The mirror on the cache in memory: what Redis loses, lacks or refuses comes back, and no mark covers a hole."""

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
from stream_seg.core.engine import Engine, Rules
from stream_seg.errors import CacheRefused
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.checkpoint import cache_sync as module
from stream_seg.worker.checkpoint.cache_sync import COMPARE_S, CacheSync
from stream_seg.worker.checkpoint.decide import Output
from stream_seg.worker.checkpoint.documents import stored_document
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

CUSTOMERS = [f"c-{number}" for number in range(5)]
EPOCH = 1_000


class Stage:
    """A worker's mirror of one partition with five customers, and the Redis that it writes to."""

    def __init__(self, server: MemoryServer | None = None, epoch: int = EPOCH) -> None:
        self.server = server or MemoryServer()
        self.cache = MemoryCache(server=self.server)
        self.engine = Engine(Rules(Decay(1.0)))
        self.engine.use(ModelSnapshot(**fixed_model()).to_model())
        passed = itertools.count()
        clock = Clock(wall=lambda: 0.0, monotonic=lambda: next(passed) * 2 * COMPARE_S)
        self.cache_sync = CacheSync(self.cache, self.engine, Metrics(CollectorRegistry()), clock)
        state = PartitionState()
        for name in CUSTOMERS:
            state.records[name.encode()] = in_segment(0, 1)
        self.partition = OwnedPartition.take(0, state, epoch, {})
        self.partition.position.group = 7

    async def tend(self, turns: int = 1) -> None:
        """As the checkpoint does between two groups; three turns are enough for everyone."""
        for _ in range(turns):
            await self.cache_sync.tend({0: self.partition})

    async def write(self, name: str, segment: int, sequence: int) -> None:
        """A group that moves one customer."""
        key, record = name.encode(), in_segment(segment, sequence)
        self.partition.position.group += 1
        self.partition.state.records[key] = record
        document = stored_document(key, record, self.engine, self.partition.position.epoch)
        assert document is not None
        await self.cache_sync.write([Output(self.partition, documents=[document])])

    async def segments(self) -> dict[str, str]:
        """What readers find."""
        found = await self.cache.get_many(CUSTOMERS)
        return {name: held.segments["behavior"].segment for name, held in found.items() if held is not None}

    async def mark(self) -> Mark | None:
        """What Redis says it holds of the partition."""
        return (await self.cache.marks([0]))[0]


def in_segment(segment: int, sequence: int) -> bytes:
    """A customer's record."""
    customer = Customer(EPOCH)
    customer.segment, customer.sequence, customer.model_version = segment, sequence, 1
    customer.since = customer.as_of = 1_700_000_000.0 + sequence
    return customer.pack()


@pytest.fixture(autouse=True)
def _paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is repaired two customers at a time, and seconds pass between any two looks at the clock."""
    monkeypatch.setattr(module, "REPAIR_SLICE", 2)


def played(story: Callable[[], Awaitable[Any]]) -> None:
    """Run a story to its end."""
    asyncio.run(story())  # type: ignore[arg-type]


ALL = dict.fromkeys(CUSTOMERS, "b0")


def test_an_empty_redis_is_filled_slice_by_slice_and_marked_when_it_is_whole() -> None:
    async def story() -> None:
        stage = Stage()
        sizes = []
        for _ in range(4):
            await stage.tend()
            sizes.append((len(await stage.segments()), await stage.mark()))
        # A mark of this epoch from the first slice on says that a repair has begun; group 7 only that it is over.
        assert sizes == [(2, (EPOCH, 0)), (4, (EPOCH, 0)), (5, (EPOCH, 7)), (5, (EPOCH, 7))]

    played(story)


def test_whoever_comes_after_a_crash_amid_a_repair_begins_it_again() -> None:
    async def story() -> None:
        before = Stage()
        await before.tend()
        after = Stage(before.server, EPOCH + 1)
        after.partition.cache.marked = Mark(EPOCH, 7)  # as the changelog's header says
        await after.tend(3)
        assert (await after.segments(), await after.mark()) == (ALL, (EPOCH + 1, 7))

    played(story)


def test_a_wiped_redis_is_noticed_and_filled_under_a_new_epoch() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.wipe()
        await stage.tend(3)
        assert stage.partition.position.epoch == EPOCH + 1
        assert (await stage.segments(), await stage.mark()) == (ALL, (EPOCH + 1, 7))

    played(story)


def test_a_redis_that_was_wiped_between_two_groups_gets_no_mark_over_the_hole() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.tend(3)
        stage.server.wipe()
        await stage.write("c-0", 1, 2)
        assert (await stage.segments(), await stage.mark()) == ({"c-0": "b1"}, None)
        await stage.tend(3)
        assert (await stage.segments(), await stage.mark()) == (ALL | {"c-0": "b1"}, (EPOCH + 1, 8))

    played(story)


def test_what_a_redis_that_is_away_misses_is_written_when_it_is_back() -> None:
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

    played(story)


def test_a_redis_that_refuses_from_the_start_is_an_error() -> None:
    async def story() -> None:
        stage = Stage()
        stage.server.refusing = True
        with pytest.raises(CacheRefused):
            await stage.tend()

    played(story)


def test_a_redis_that_refuses_only_writes_is_an_error_too() -> None:
    async def story() -> None:
        stage = Stage()
        assert await stage.cache_sync._compare({0: stage.partition})
        stage.server.refusing = True
        with pytest.raises(CacheRefused):
            await stage.write("c-1", 2, 2)

    played(story)


def test_a_redis_that_refuses_later_is_waited_for() -> None:
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

    played(story)


def test_the_model_in_force_is_shown_and_shown_again_after_a_loss() -> None:
    async def story() -> None:
        stage = Stage()
        snapshot = ModelSnapshot(**fixed_model())
        stage.cache_sync.show_model(snapshot.version, snapshot.dumps())
        await stage.tend(3)
        for _ in range(2):
            assert ((await stage.cache.model()) or {})["version"] == snapshot.version
            stage.server.wipe()
            await stage.tend(3)

    played(story)
