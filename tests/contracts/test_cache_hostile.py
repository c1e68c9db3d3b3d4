"""Tests of foreign values under the keys in Redis, for which readers raise one clear error and writers repair them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
import redis

from stream_seg.cache import AsyncSegmentClient, SegmentClient
from stream_seg.cache.port import Mark, PartitionWrite
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.document import Document, SegmentFields
from stream_seg.errors import CacheDamaged, CacheUnavailable, PrefixTaken

T = TypeVar("T")

GOOD = {
    "behavior": "b0",
    "behavior.name": "Big",
    "behavior.since": "2017-05-09T18:00:31Z",
    "sequence": "1",
    "epoch": "1",
    "as_of": "2017-05-09T18:00:31.000Z",
    "model_version": "1",
}
DOCUMENT = Document(
    "c", (SegmentFields("behavior", "b0", "Big", "2017-05-09T18:00:31Z"),), 1, 7, "2017-05-09T18:00:31.000Z", 1
)
WRITE = PartitionWrite(0, 7, 1, [DOCUMENT], {"behavior:b0": 1})


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def readings(url: str, prefix: str, read: Callable[[Any], Any]) -> Iterator[BaseException]:
    """Return the errors that both clients raise."""
    with SegmentClient.from_url(url, prefix) as client, pytest.raises((CacheDamaged, CacheUnavailable)) as fault:
        read(client)
    yield fault.value

    async def scenario() -> None:
        async with AsyncSegmentClient.from_url(url, prefix) as client:
            await read(client)

    with pytest.raises((CacheDamaged, CacheUnavailable)) as fault:
        asyncio.run(scenario())
    yield fault.value


@pytest.mark.parametrize(
    "changed",
    [{"sequence": "x"}, {"epoch": ""}, {"epoch": "9" * 5_000}, {"as_of": "now"}, {"behavior.since": "2017"},
     {"model_version": b"\xff\xfe"}, {"value.since": "2017-05-09T18:00:31Z"}, {"behavior.until": "soon"}],
    ids=str,
)  # fmt: skip
def test_a_reader_rejects_a_foreign_document(
    redis_url: str, prefix: str, raw: redis.Redis, changed: dict[str, Any]
) -> None:
    raw.hset(f"{prefix}:customer:alice", mapping={**GOOD, **changed})
    for error in readings(redis_url, prefix, lambda client: client.get("alice")):
        assert isinstance(error, CacheDamaged)
        where = f"the value in Redis under {prefix}:customer:alice"
        assert str(error) == f"{where} was not written by stream_seg: delete it, and workers will write it again"
        assert error.__cause__ is None


def test_a_bad_document_does_not_affect_others(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    for name in "abc":
        raw.hset(f"{prefix}:customer:{name}", mapping={**GOOD, "behavior.name": name})
    raw.hset(f"{prefix}:customer:b", "epoch", b"\xff")
    with SegmentClient.from_url(redis_url, prefix) as client:
        with pytest.raises(CacheDamaged):
            client.get_many(["a", "b", "c"])
        for name in "ac":
            found = client.get(name)
            assert found is not None
            assert found.segments["behavior"].name == name


@pytest.mark.parametrize("snapshot", ["", "[]", "1", "null", "{", "[" * 100_000, b"\xff\xfe"])
def test_a_reader_rejects_a_foreign_model(redis_url: str, prefix: str, raw: redis.Redis, snapshot: str | bytes) -> None:
    raw.set(f"{prefix}:model", snapshot)
    for error in readings(redis_url, prefix, lambda client: client.model()):
        assert isinstance(error, CacheDamaged)
        assert f"{prefix}:model" in str(error)


def test_a_reader_rejects_foreign_sizes(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.sadd(f"{prefix}:partitions", "0", "many")
    for error in readings(redis_url, prefix, lambda client: client.sizes()):
        assert isinstance(error, CacheDamaged)
    raw.srem(f"{prefix}:partitions", "many")
    raw.hset(f"{prefix}:stats:0", "behavior:b0", "lots")
    for error in readings(redis_url, prefix, lambda client: client.sizes()):
        assert isinstance(error, CacheDamaged)


@pytest.mark.parametrize("read", ["get", "model", "sizes"])
def test_a_reader_rejects_values_of_another_type(redis_url: str, prefix: str, raw: redis.Redis, read: str) -> None:
    for key in ("customer:c", "model", "partitions"):
        raw.rpush(f"{prefix}:{key}", "x")
    for error in readings(
        redis_url, prefix, lambda client: client.get("c") if read == "get" else getattr(client, read)()
    ):
        assert isinstance(error, CacheUnavailable)
        assert "WRONGTYPE" in str(error)


def written(url: str, prefix: str, act: Callable[[CacheWriter], Awaitable[T]]) -> T:
    """Return the result of a worker's writer."""

    async def scenario() -> T:
        writer = CacheWriter.from_url(url, prefix, "shop", timeout_s=5.0)
        try:
            return await act(writer)
        finally:
            await writer.aclose()

    return asyncio.run(scenario())


@pytest.mark.parametrize("epoch", [b"x", b"", b"\xff", b"9" * 5_000, b"1.5"])
def test_a_foreign_mark_is_ignored_and_replaced(redis_url: str, prefix: str, raw: redis.Redis, epoch: bytes) -> None:
    raw.hset(f"{prefix}:group:0", mapping={"epoch": epoch, "group": "1"})
    assert written(redis_url, prefix, lambda writer: writer.marks([0])) == {0: None}


@pytest.mark.parametrize(
    "foreign", [{"epoch": b"\xff"}, {"sequence": "x", "as_of": "zzzz"}, {"epoch": "x", "more": "y"}]
)
def test_a_foreign_document_is_replaced(redis_url: str, prefix: str, raw: redis.Redis, foreign: dict[str, Any]) -> None:
    raw.hset(f"{prefix}:customer:c", mapping=foreign)
    written(redis_url, prefix, lambda writer: writer.write([WRITE]))
    assert {k.decode(): v.decode() for k, v in raw.hgetall(f"{prefix}:customer:c").items()} == DOCUMENT.fields()


@pytest.mark.parametrize("key", ["customer:c", "group:0", "stats:0", "partitions", "model"])
def test_a_list_in_place_of_another_type_is_replaced(redis_url: str, prefix: str, raw: redis.Redis, key: str) -> None:
    raw.rpush(f"{prefix}:{key}", "x")
    assert written(redis_url, prefix, lambda writer: writer.marks([0])) == {0: None}
    assert written(redis_url, prefix, lambda writer: writer.write([WRITE])).unmarked == frozenset()
    assert written(redis_url, prefix, lambda writer: writer.set_model('{"version": 1, "created_at": ""}'))
    assert written(redis_url, prefix, lambda writer: writer.marks([0])) == {0: Mark(7, 1)}
    with SegmentClient.from_url(redis_url, prefix) as client:
        assert client.get("c") is not None
        assert client.sizes() == {"behavior": {"b0": 1}}
        assert client.model() == {"version": 1, "created_at": ""}


def test_a_list_in_place_of_the_owner_is_a_foreign_owner(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.rpush(f"{prefix}:owner", "x")
    with pytest.raises(PrefixTaken, match=f"del {prefix}:owner"):
        written(redis_url, prefix, lambda writer: writer.marks([0]))
