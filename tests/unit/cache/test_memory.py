"""Features of the in-memory cache only. `tests/contracts/test_cache.py` tests what all caches share."""

from __future__ import annotations

import asyncio

import pytest

from stream_seg.cache.memory import MemoryCache, MemoryServer
from stream_seg.cache.port import Mark, PartitionWrite
from stream_seg.errors import CacheUnavailable

GROUP = PartitionWrite(0, 1_763_764_800_123, 1, (), {"behavior:b0": 3})


def test_an_unavailable_server_fails_every_call_and_keeps_its_data() -> None:
    async def scenario() -> None:
        server = MemoryServer()
        cache = MemoryCache("seg", "shop", server)
        await cache.write([GROUP])
        server.available = False
        for call in (lambda: cache.write([GROUP]), lambda: cache.marks([0]), cache.model):
            with pytest.raises(CacheUnavailable):
                await call()
        server.available = True
        assert await cache.marks([0]) == {0: Mark(1_763_764_800_123, 1)}
        assert await cache.sizes() == {"behavior": {"b0": 3}}

    asyncio.run(scenario())


def test_caches_without_a_common_server_share_nothing() -> None:
    async def scenario() -> None:
        await MemoryCache().write([GROUP])
        assert await MemoryCache().sizes() == {}

    asyncio.run(scenario())
