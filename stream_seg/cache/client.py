"""Clients for readers, for threads and for asyncio: a customer's current segments, segment sizes and the model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import redis
import redis.asyncio

from stream_seg.cache import reads
from stream_seg.cache.connect import CONNECT_TIMEOUT_S, TIMEOUT_S, connect, connect_async
from stream_seg.cache.errors import checked, redis_errors
from stream_seg.cache.keys import Keys
from stream_seg.contracts.document import CustomerSegments

T = TypeVar("T")


class SegmentClient:
    """A reader of segments in Redis. Threads may share one client.

    Every method raises `CacheUnavailable` when Redis does not answer in time, and `CacheDamaged` when a value was
    written by another program, such as a customer's hash that is not a complete document.

    >>> with SegmentClient.from_url("redis://127.0.0.1:6379/0") as client:  # doctest: +SKIP
    ...     client.get("h-1871")
    """

    def __init__(self, redis: redis.Redis, prefix: str = "seg") -> None:
        self._redis = redis
        self._keys = Keys(prefix)

    @classmethod
    def from_url(
        cls,
        url: str,
        prefix: str = "seg",
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        timeout_s: float = TIMEOUT_S,
    ) -> Self:
        """Return a client with its own connections. It connects when first used. Raises ValueError for a bad URL.

        `timeout_s` limits the wait for a free connection, and the wait for each reply.
        """
        return cls(connect(url, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s), prefix)

    def get(self, customer_id: str) -> CustomerSegments | None:
        """Return the customer's current segments, or None for an unknown customer."""
        return self._run(reads.customer(self._keys, customer_id))

    def get_many(self, customer_ids: Iterable[str]) -> dict[str, CustomerSegments | None]:
        """Return the current segments of many customers by id, in one round trip."""
        return self._run(reads.customers(self._keys, customer_ids))

    def model(self) -> dict[str, Any] | None:
        """Return the active model snapshot, or None before the first."""
        return self._run(reads.model(self._keys))

    def sizes(self) -> reads.Sizes:
        """Return the number of customers now in each segment: dimension -> segment -> customers."""
        return self._run(reads.sizes(self._keys, self._run(reads.partitions(self._keys))))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, read: reads.Read[T]) -> T:
        with redis_errors(), self._redis.pipeline(transaction=False) as pipeline:
            for command in read.commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            replies = checked(pipeline.execute(raise_on_error=False))
        return read.parse(replies)


class AsyncSegmentClient:
    """`SegmentClient` for asyncio. Tasks of one event loop may share one client."""

    def __init__(self, redis: redis.asyncio.Redis, prefix: str = "seg", *, timeout_s: float = TIMEOUT_S) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._timeout_s = timeout_s

    @classmethod
    def from_url(
        cls,
        url: str,
        prefix: str = "seg",
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        timeout_s: float = TIMEOUT_S,
    ) -> Self:
        """Return a client with its own connections. It connects when first used. Raises ValueError for a bad URL.

        `timeout_s` limits a whole round trip.
        """
        client = connect_async(url, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s)
        return cls(client, prefix, timeout_s=timeout_s)

    async def get(self, customer_id: str) -> CustomerSegments | None:
        """See `SegmentClient.get`."""
        return await self._run(reads.customer(self._keys, customer_id))

    async def get_many(self, customer_ids: Iterable[str]) -> dict[str, CustomerSegments | None]:
        """See `SegmentClient.get_many`."""
        return await self._run(reads.customers(self._keys, customer_ids))

    async def model(self) -> dict[str, Any] | None:
        """See `SegmentClient.model`."""
        return await self._run(reads.model(self._keys))

    async def sizes(self) -> reads.Sizes:
        """See `SegmentClient.sizes`."""
        return await self._run(reads.sizes(self._keys, await self._run(reads.partitions(self._keys))))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, read: reads.Read[T]) -> T:
        with redis_errors():
            async with asyncio.timeout(self._timeout_s), self._redis.pipeline(transaction=False) as pipeline:
                for command in read.commands:
                    pipeline.execute_command(*command)
                replies = checked(await pipeline.execute(raise_on_error=False))
        return read.parse(replies)
