"""Tests that need a real Redis: the layout of keys, lost scripts and connections, unreachable servers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis

from stream_seg.cache import AsyncSegmentClient, SegmentClient
from stream_seg.cache.port import PartitionWrite, WriteResult
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.document import Document, SegmentFields
from stream_seg.embedded.process import ServiceProcess
from stream_seg.errors import CacheUnavailable

EPOCH = 1_763_764_800_123
PAUSED_MS = 1_500
DOCUMENT = Document(
    "h-1",
    (SegmentFields("behavior", "b0", "Frequent big baskets", "2017-05-09T18:00:31Z"),),
    17,
    EPOCH,
    "2026-11-21T22:40:07.123Z",
    12,
)
GROUP = PartitionWrite(3, EPOCH, 9_007_199_254_740_991, [DOCUMENT], {"behavior:b0": 123_456_789_012_345})


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Return the URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://:hunter2@127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def closed_url() -> str:
    """Return a URL where no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://:hunter2@127.0.0.1:{server.getsockname()[1]}/0"


def write(url: str, prefix: str, *batches: PartitionWrite) -> WriteResult:
    async def scenario() -> WriteResult:
        writer = CacheWriter.from_url(url, prefix, "shop", timeout_s=5.0)
        try:
            return await writer.write(batches)
        finally:
            await writer.aclose()

    return asyncio.run(scenario())


def test_a_group_is_stored_in_the_layout_of_the_contract(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    write(redis_url, prefix, GROUP)
    assert raw.hgetall(f"{prefix}:customer:h-1") == {
        "behavior": "b0",
        "behavior.name": "Frequent big baskets",
        "behavior.since": "2017-05-09T18:00:31Z",
        "sequence": "17",
        "epoch": "1763764800123",
        "as_of": "2026-11-21T22:40:07.123Z",
        "model_version": "12",
    }
    assert raw.hgetall(f"{prefix}:stats:3") == {"behavior:b0": "123456789012345"}
    assert raw.hgetall(f"{prefix}:group:3") == {"epoch": "1763764800123", "group": "9007199254740991"}


def test_fields_of_a_left_dimension_are_removed(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.hset(f"{prefix}:customer:h-1", mapping={"value": "gold", "value.until": "2017-06-01T00:00:00Z", "epoch": "1"})
    write(redis_url, prefix, GROUP)
    assert raw.hgetall(f"{prefix}:customer:h-1") == DOCUMENT.fields()


def test_a_foreign_value_under_a_customers_key_is_replaced(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.set(f"{prefix}:customer:h-1", "not a hash")
    raw.hset(f"{prefix}:customer:h-2", mapping={"epoch": "not a number", "sequence": ""})
    second = DOCUMENT._replace(customer_id="h-2")
    assert write(redis_url, prefix, GROUP._replace(documents=[DOCUMENT, second])).documents == 2
    assert raw.hgetall(f"{prefix}:customer:h-1") == DOCUMENT.fields()
    assert raw.hgetall(f"{prefix}:customer:h-2") == second.fields()


def test_an_unreadable_model_is_replaced(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.set(f"{prefix}:model", "not json")

    async def scenario() -> None:
        writer = CacheWriter.from_url(redis_url, prefix, "shop")
        assert await writer.set_model('{"version": 1, "created_at": "2026-11-21T10:00:00Z"}')
        await writer.aclose()

    asyncio.run(scenario())
    assert raw.get(f"{prefix}:model") == '{"version": 1, "created_at": "2026-11-21T10:00:00Z"}'


@pytest.mark.parametrize(("dimension", "keys"), [("behavior", ["model", "model:behavior"]), ("value", ["model:value"])])
def test_a_model_is_stored_for_its_dimension(
    redis_url: str, prefix: str, raw: redis.Redis, dimension: str, keys: list[str]
) -> None:
    snapshot = json.dumps({"version": 1, "created_at": "2026-11-21T10:00:00Z", "dimension": dimension})

    async def scenario() -> None:
        writer = CacheWriter.from_url(redis_url, prefix, "app")
        assert await writer.set_model(snapshot)
        await writer.aclose()

    asyncio.run(scenario())
    assert sorted(raw.scan_iter(f"{prefix}:model*")) == [f"{prefix}:{key}" for key in keys]
    assert {raw.get(f"{prefix}:{key}") for key in keys} == {snapshot}


def test_forgotten_scripts_are_loaded_again(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    for _ in range(2):
        raw.script_flush()
        assert write(redis_url, prefix, GROUP) == WriteResult(1, frozenset())


def test_dropped_connections_are_replaced(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    async def scenario() -> None:
        writer = CacheWriter.from_url(redis_url, prefix, "shop")
        async with AsyncSegmentClient.from_url(redis_url, prefix) as reader:
            for _ in range(3):
                await writer.write([GROUP])
                assert await reader.get("h-1") is not None
                raw.client_kill_filter(_type="normal", skipme=True)
        await writer.aclose()

    asyncio.run(scenario())


def test_threads_and_tasks_read_the_same(redis_url: str, prefix: str) -> None:
    write(redis_url, prefix, GROUP)

    async def answers() -> list[Any]:
        async with AsyncSegmentClient.from_url(redis_url, prefix) as client:
            return [
                await client.get("h-1"),
                await client.get("h-2"),
                await client.get_many(["h-1", "h-2"]),
                await client.model(),
                await client.sizes(),
            ]

    with SegmentClient.from_url(redis_url, prefix) as client:
        same = [
            client.get("h-1"),
            client.get("h-2"),
            client.get_many(["h-1", "h-2"]),
            client.model(),
            client.sizes(),
        ]
    assert same == asyncio.run(answers())
    assert same[0] is not None
    assert same[1:2] == [None]
    assert same[4] == {"behavior": {"b0": 123_456_789_012_345}}


def test_callers_wait_for_free_connections(redis_url: str, prefix: str) -> None:
    write(redis_url, prefix, GROUP)

    async def tasks() -> list[Any]:
        async with AsyncSegmentClient.from_url(redis_url, prefix, timeout_s=10.0) as client:
            return await asyncio.gather(*(client.get("h-1") for _ in range(200)))

    with SegmentClient.from_url(redis_url, prefix, timeout_s=10.0) as client, ThreadPoolExecutor(64) as threads:
        found = list(threads.map(client.get, ["h-1"] * 200))
    assert len(set(map(repr, [*found, *asyncio.run(tasks())]))) == 1


def test_prefixes_are_separate(redis_url: str, prefix: str) -> None:
    write(redis_url, prefix, GROUP)
    with SegmentClient.from_url(redis_url, f"{prefix}other") as client:
        assert client.get("h-1") is None
        assert client.sizes() == {}


async def every_call_of_a_writer(url: str) -> list[str]:
    writer = CacheWriter.from_url(url, "seg", "shop", connect_timeout_s=0.05, timeout_s=0.05)
    messages = []
    for call in (
        lambda: writer.write([GROUP]),
        lambda: writer.marks([0]),
        lambda: writer.set_model('{"version": 1, "created_at": ""}'),
    ):
        with pytest.raises(CacheUnavailable) as caught:
            await call()
        messages.append(str(caught.value))
    await writer.aclose()
    return messages


@pytest.mark.parametrize("which", ["silent_url", "closed_url"])
def test_an_unreachable_server_is_one_exception_without_secrets(which: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(which)
    messages = asyncio.run(every_call_of_a_writer(url))
    with SegmentClient.from_url(url, connect_timeout_s=0.05, timeout_s=0.05) as client:
        for call in (lambda: client.get("h-1"), lambda: client.get_many(["h-1"]), client.model, client.sizes):
            with pytest.raises(CacheUnavailable) as caught:
                call()
            messages.append(str(caught.value))
    assert not [message for message in messages if "hunter2" in message or "h-1" in message]
    assert all("check that it runs" in message for message in messages)


def test_a_late_reply_is_never_read_as_the_reply_to_another_call(new_redis: Callable[[], ServiceProcess]) -> None:
    with new_redis() as service:
        url = f"redis://{service.address}/0"
        write(url, "seg", GROUP)
        with redis.Redis.from_url(url) as raw, SegmentClient.from_url(url, timeout_s=0.02) as client:
            until_answered(lambda: client.get("h-1"))
            raw.client_pause(PAUSED_MS)
            with pytest.raises(CacheUnavailable):
                client.get("h-1")
            assert until_answered(lambda: client.get("h-2")) is None
            raw.client_pause(PAUSED_MS)
            assert asyncio.run(answers_around_a_pause(url)) is None


def until_answered(call: Callable[[], Any]) -> Any:
    while True:
        with suppress(CacheUnavailable):
            return call()


async def answers_around_a_pause(url: str) -> Any:
    async with AsyncSegmentClient.from_url(url, timeout_s=0.02) as client:
        with pytest.raises(CacheUnavailable):
            await client.get("h-1")
        while True:
            with suppress(CacheUnavailable):
                return await client.get("h-2")


def test_an_abandoned_call_leaves_the_client_usable(redis_url: str, prefix: str) -> None:
    write(redis_url, prefix, GROUP)

    async def scenario() -> None:
        async with AsyncSegmentClient.from_url(redis_url, prefix) as client:
            for turns in range(12):
                abandoned = asyncio.create_task(client.get("h-1"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                abandoned.cancel()
                await asyncio.wait([abandoned])
                assert await client.get_many(["h-2", "h-3"]) == {"h-2": None, "h-3": None}

    asyncio.run(scenario())


def test_an_error_of_redis_does_not_quote_the_written_values(redis_url: str, prefix: str, raw: redis.Redis) -> None:
    raw.acl_setuser(prefix, enabled=True, nopass=True, keys=["*"], commands=["+@all", "-hset"])
    with pytest.raises(CacheUnavailable, match="no permissions") as caught:
        write(redis_url.replace("//", f"//{prefix}:any@"), prefix, GROUP)
    assert "h-1" not in str(caught.value)
    assert "h-1" not in str(caught.value.__cause__)
