"""Contract tests of every cache, for the one in memory and the one in Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
import redis

from stream_seg.cache.client import AsyncSegmentClient
from stream_seg.cache.memory import MemoryCache, MemoryServer
from stream_seg.cache.port import Cache, Mark, PartitionWrite, WriteResult
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.document import CustomerSegments, Document, SegmentFields
from stream_seg.errors import PrefixTaken

EPOCH = 1_763_764_800_123
BEHAVIOR = SegmentFields("behavior", "b0", "Frequent big baskets", "2017-05-09T18:00:31Z")
LIFECYCLE = SegmentFields("lifecycle", "active", "Active", "2017-01-02T00:00:00Z")


class Reader(Protocol):
    async def get(self, customer_id: str) -> CustomerSegments | None: ...

    async def get_many(self, customer_ids: Iterable[str]) -> dict[str, CustomerSegments | None]: ...

    async def model(self) -> dict[str, Any] | None: ...

    async def sizes(self) -> dict[str, dict[str, int]]: ...

    async def close(self) -> None: ...


@dataclass
class Deployment:
    """A server for tests, with a writer per application, a reader, and a function that wipes it."""

    writer: Callable[[str], Cache]
    reader: Callable[[], Reader]
    wipe: Callable[[], None]

    def run(self, scenario: Callable[[Cache, Reader], Awaitable[None]]) -> None:
        """Run a scenario with a writer of the application `shop` and a reader."""
        asyncio.run(self._run(scenario))

    async def _run(self, scenario: Callable[[Cache, Reader], Awaitable[None]]) -> None:
        writer, reader = self.writer("shop"), self.reader()
        try:
            await scenario(writer, reader)
        finally:
            await writer.aclose()
            await reader.close()


def in_memory() -> Deployment:
    server = MemoryServer()
    return Deployment(
        lambda app_id: MemoryCache("seg", app_id, server), lambda: MemoryCache("seg", "", server), server.wipe
    )


def in_redis(url: str, prefix: str) -> Deployment:
    def wipe() -> None:
        with redis.Redis.from_url(url) as client:
            client.delete(*client.scan_iter(match=f"{prefix}*", count=10_000))
            client.script_flush()

    return Deployment(
        lambda app_id: CacheWriter.from_url(url, prefix, app_id),
        lambda: AsyncSegmentClient.from_url(url, prefix),
        wipe,
    )


@pytest.fixture(params=["memory", "redis"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    if request.param == "memory":
        return in_memory()
    return in_redis(request.getfixturevalue("redis_url"), request.getfixturevalue("prefix"))


def document(
    customer_id: str = "h-1",
    sequence: int = 1,
    epoch: int = EPOCH,
    as_of: str = "2026-11-21T22:40:07.123Z",
    segments: tuple[SegmentFields, ...] = (BEHAVIOR,),
) -> Document:
    return Document(customer_id, segments, sequence, epoch, as_of, 12)


def group(*documents: Document, partition: int = 0, epoch: int = EPOCH, number: int = 1) -> PartitionWrite:
    return PartitionWrite(partition, epoch, number, documents, {"behavior:b0": len(documents)})


def expected(written: Document) -> CustomerSegments:
    return CustomerSegments.from_hash(written.customer_id, written.fields())


def test_a_document_is_read_as_it_was_written(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        written = document(sequence=17, segments=(BEHAVIOR, LIFECYCLE))
        assert await cache.write([group(written)]) == WriteResult(1, frozenset())
        found = await reader.get("h-1")
        assert found == expected(written)
        assert found is not None
        assert (found.epoch, found.sequence, found.segments["behavior"].segment) == (EPOCH, 17, "b0")

    deployment.run(scenario)


def test_an_unknown_customer_is_none(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.write([group(document("h-1"))])
        assert await reader.get("h-2") is None
        assert await reader.get_many(["h-2", "h-1", "h-2"]) == {"h-2": None, "h-1": expected(document("h-1"))}
        assert await reader.get_many([]) == {}

    deployment.run(scenario)


@pytest.mark.parametrize(
    "older",
    [
        document(sequence=8, segments=(LIFECYCLE,)),
        document(sequence=9, as_of="2026-11-21T22:40:07.122Z", segments=(LIFECYCLE,)),
        document(sequence=10, epoch=EPOCH - 1, segments=(LIFECYCLE,)),
        document(sequence=10, epoch=9, segments=(LIFECYCLE,)),
    ],
    ids=["sequence", "as_of", "epoch", "epoch of fewer digits"],
)
def test_an_older_document_never_overwrites_a_newer_one(deployment: Deployment, older: Document) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        newer = document(sequence=9)
        await cache.write([group(newer)])
        assert (await cache.write([group(older, number=2)])).documents == 0
        assert await reader.get("h-1") == expected(newer)

    deployment.run(scenario)


@pytest.mark.parametrize(
    "newer",
    [
        document(sequence=10),
        document(sequence=9, as_of="2026-11-21T22:40:08.000Z"),
        document(sequence=1, epoch=EPOCH + 1),
    ],
    ids=["sequence", "as_of", "epoch, with a lower sequence"],
)
def test_a_newer_document_overwrites(deployment: Deployment, newer: Document) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.write([group(document(sequence=9))])
        assert (await cache.write([group(newer, number=2)])).documents == 1
        assert await reader.get("h-1") == expected(newer)

    deployment.run(scenario)


def test_a_repeated_write_changes_nothing(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        same = group(document("h-1"), document("h-2"))
        for _ in range(2):
            assert await cache.write([same]) == WriteResult(2, frozenset())
        assert await reader.get("h-1") == expected(document("h-1"))
        assert await reader.sizes() == {"behavior": {"b0": 2}}
        assert await cache.marks([0]) == {0: Mark(EPOCH, 1)}

    deployment.run(scenario)


def test_a_dimension_that_the_customer_left_is_removed(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.write([group(document(segments=(BEHAVIOR, LIFECYCLE)))])
        after = document(sequence=2, segments=(LIFECYCLE,))
        await cache.write([group(after, number=2)])
        assert await reader.get("h-1") == expected(after)
        nothing = document(sequence=3, segments=())
        await cache.write([group(nothing, number=3)])
        assert await reader.get("h-1") == expected(nothing)

    deployment.run(scenario)


def test_the_newer_of_two_documents_in_one_write_is_kept(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        newer, older = document(sequence=2), document(sequence=1)
        assert (await cache.write([group(newer, older)])).documents == 1
        assert await reader.get("h-1") == expected(newer)

    deployment.run(scenario)


@pytest.mark.parametrize(
    "customer_id",
    ["Zoë Ünïcode", "顾客-一", "🛒" * 64, "x" * 256, "a:b:{c}*?[d]", 'quote"and\\back', "tab\tnewline\n", "nul\x00"],
)
def test_customers_with_similar_ids_stay_separate(deployment: Deployment, customer_id: str) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        written = document(
            customer_id, segments=(SegmentFields("behavior", "b0", customer_id, "2017-05-09T18:00:31Z"),)
        )
        await cache.write([group(written, document("h-1"))])
        assert await reader.get(customer_id) == expected(written)
        assert (await reader.get_many([customer_id, "h-1"]))["h-1"] == expected(document("h-1"))

    deployment.run(scenario)


def test_many_documents_are_all_written(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        all_of_them = [document(f"h-{i}", sequence=i + 1) for i in range(1_203)]
        batches = [group(*all_of_them[:601], partition=0), group(*all_of_them[601:], partition=1)]
        assert await cache.write(batches) == WriteResult(1_203, frozenset())
        found = await reader.get_many(written.customer_id for written in all_of_them)
        assert found == {written.customer_id: expected(written) for written in all_of_them}

    deployment.run(scenario)


def test_sizes_are_absolute_and_summed_over_partitions(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        assert await reader.sizes() == {}
        await cache.write(
            [
                PartitionWrite(0, EPOCH, 1, (), {"behavior:b0": 3, "behavior:b1": 2}),
                PartitionWrite(12, EPOCH, 1, (), {"behavior:b0": 10, "rule:big spender:in": 1}),
            ]
        )
        assert await reader.sizes() == {"behavior": {"b0": 13, "b1": 2}, "rule:big spender": {"in": 1}}
        await cache.write([PartitionWrite(0, EPOCH, 2, (), {"behavior:b0": 4})])
        assert await reader.sizes() == {"behavior": {"b0": 14}, "rule:big spender": {"in": 1}}
        await cache.write([PartitionWrite(12, EPOCH, 2, (), {})])
        assert await reader.sizes() == {"behavior": {"b0": 4}}

    deployment.run(scenario)


def test_marks_name_the_last_group_of_each_partition(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        assert await cache.marks([0, 1]) == {0: None, 1: None}
        await cache.write([group(partition=0, number=4), group(partition=1, epoch=EPOCH + 7, number=900)])
        assert await cache.marks([1, 0, 2]) == {1: (EPOCH + 7, 900), 0: (EPOCH, 4), 2: None}
        assert await cache.marks([]) == {}

    deployment.run(scenario)


@pytest.mark.parametrize(("epoch", "number"), [(EPOCH - 1, 50), (EPOCH, 3)], ids=["epoch", "group"])
def test_an_older_group_does_not_change_mark_and_sizes(deployment: Deployment, epoch: int, number: int) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.write([PartitionWrite(0, EPOCH, 4, (), {"behavior:b0": 3})])
        late = PartitionWrite(0, epoch, number, (), {"behavior:b1": 9})
        assert await cache.write([late]) == WriteResult(0, frozenset({0}))
        assert await cache.marks([0]) == {0: (EPOCH, 4)}
        assert await reader.sizes() == {"behavior": {"b0": 3}}

    deployment.run(scenario)


def test_a_new_epoch_may_begin_with_any_group(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        await cache.write([group(number=400)])
        assert await cache.write([group(epoch=EPOCH + 1, number=1)]) == WriteResult(0, frozenset())
        assert await cache.marks([0]) == {0: (EPOCH + 1, 1)}

    deployment.run(scenario)


def test_a_mark_follows_the_group_before_it(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        await cache.write([group(number=4)])
        follower = group(number=6)._replace(after=4)
        assert await cache.write([follower]) == WriteResult(0, frozenset())
        assert await cache.write([follower]) == WriteResult(0, frozenset()), "a repeated write answers as the first"
        assert await cache.marks([0]) == {0: (EPOCH, 6)}

    deployment.run(scenario)


def test_a_loss_between_two_groups_is_not_covered_by_a_new_mark(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.write([group(document("h-1"), number=4)])
        deployment.wipe()
        written = await cache.write([group(document("h-2"), number=5)._replace(after=4)])
        assert written == WriteResult(1, frozenset({0}))
        assert await cache.marks([0]) == {0: None}
        rewrite = group(document("h-1"), document("h-2"), number=5)
        assert await cache.write([rewrite]) == WriteResult(2, frozenset())
        assert await cache.marks([0]) == {0: (EPOCH, 5)}
        assert await reader.get("h-1") == expected(document("h-1"))

    deployment.run(scenario)


def test_a_server_that_fell_back_to_an_earlier_group_is_detected(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        await cache.write([group(partition=0, number=4), group(partition=1, number=4)])
        next_groups = [group(partition=0, number=6)._replace(after=5), group(partition=1, number=6)._replace(after=4)]
        assert await cache.write(next_groups) == WriteResult(0, frozenset({0}))
        assert await cache.marks([0, 1]) == {0: (EPOCH, 4), 1: (EPOCH, 6)}

    deployment.run(scenario)


def test_a_wiped_server_is_detected_and_written_again(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        await cache.marks([])
        await cache.write([group(document())])
        await cache.set_model('{"version": 1, "created_at": "2026-11-21T22:40:07Z"}')
        deployment.wipe()
        assert await reader.get("h-1") is None
        assert await reader.model() is None
        assert await reader.sizes() == {}
        assert await cache.marks([0]) == {0: None}
        await cache.write([group(document())])
        assert await reader.get("h-1") == expected(document())
        assert await reader.sizes() == {"behavior": {"b0": 1}}

    deployment.run(scenario)


def test_another_application_is_refused(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        await cache.marks([])
        await cache.marks([])
        other = deployment.writer("other-shop")
        for partitions in ([], [0]):
            with pytest.raises(PrefixTaken, match="'shop'") as caught:
                await other.marks(partitions)
            assert (caught.value.owner, caught.value.app_id) == ("shop", "other-shop")
        await other.aclose()

    deployment.run(scenario)


def test_comparing_marks_claims_a_wiped_prefix_again(deployment: Deployment) -> None:
    async def scenario(cache: Cache, _reader: Reader) -> None:
        await cache.marks([])
        deployment.wipe()
        await cache.marks([0])
        other = deployment.writer("other-shop")
        with pytest.raises(PrefixTaken):
            await other.marks([])
        await other.aclose()

    deployment.run(scenario)


def snapshot(version: int, created_at: str) -> str:
    return json.dumps({"version": version, "created_at": created_at, "centroids": [[0.5, 1e-7]]})


@pytest.mark.parametrize(
    ("version", "created_at", "accepted"),
    [
        (12, "2026-11-21T10:00:00Z", True),
        (13, "2026-11-21T10:00:01Z", True),
        (13, "2026-11-21T09:59:59Z", True),
        (11, "2026-11-21T09:00:00Z", False),
        (11, "2026-11-21T10:00:00Z", False),
        (1, "2026-11-22T08:00:00Z", True),
    ],
    ids=["same", "newer", "newer, from a slow clock", "older", "older, same second", "counted from 1 again"],
)
def test_an_older_model_never_replaces_a_newer_one(
    deployment: Deployment, version: int, created_at: str, accepted: bool
) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        assert await reader.model() is None
        old, new = snapshot(12, "2026-11-21T10:00:00Z"), snapshot(version, created_at)
        assert await cache.set_model(old) is True
        assert await cache.set_model(new.encode()) is accepted
        assert await reader.model() == json.loads(new if accepted else old)

    deployment.run(scenario)


def test_the_model_of_another_dimension_does_not_replace_that_of_behavior(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        behavior = snapshot(3, "2026-11-21T10:00:00Z")
        other = json.dumps({"version": 9, "created_at": "2026-11-22T10:00:00Z", "dimension": "value"})
        assert await cache.set_model(behavior) is True
        assert await cache.set_model(other) is True
        assert await reader.model() == json.loads(behavior)

    deployment.run(scenario)


def test_an_empty_write_writes_nothing(deployment: Deployment) -> None:
    async def scenario(cache: Cache, reader: Reader) -> None:
        assert await cache.write([]) == WriteResult(0, frozenset())
        assert await reader.sizes() == {}

    deployment.run(scenario)
