"""The cache in Redis, written by scripts that keep newer values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, Self

import orjson
import redis.asyncio
from redis.exceptions import NoScriptError

from stream_seg.cache.connect import CONNECT_TIMEOUT_S, TIMEOUT_S, connect_async
from stream_seg.cache.errors import checked, redis_errors
from stream_seg.cache.keys import Keys
from stream_seg.cache.port import Mark, PartitionWrite, WriteResult
from stream_seg.contracts.document import Document
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.errors import CacheUnavailable, PrefixTaken

__all__ = ["CacheUnavailable", "CacheWriter", "Mark", "PartitionWrite", "PrefixTaken", "WriteResult"]

# Redis is blocked while a script runs. This number of documents takes about a millisecond.
DOCUMENTS_PER_CALL: Final = 250

Command = tuple[Any, ...]


class _Script:
    """A Lua script that is called by its hash."""

    def __init__(self, name: str) -> None:
        self.text = files(__package__).joinpath(name).read_text(encoding="utf-8")
        # Redis identifies scripts by this hash. It protects no secret.
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], argument: str | bytes) -> Command:
        return ("EVALSHA", self.sha, len(keys), *keys, argument)


_WRITE: Final = _Script("write.lua")
_MARK: Final = _Script("mark.lua")
_CLAIM: Final = _Script("claim.lua")
_MODEL: Final = _Script("model.lua")
_LOAD: Final[list[Command]] = [("SCRIPT LOAD", script.text) for script in (_WRITE, _MARK, _CLAIM, _MODEL)]


class CacheWriter:
    """A writer to one Redis, which implements `port.Cache`.

    It does not support Redis Cluster, because one call covers keys of many slots. Tasks may share one writer. `redis`
    must decode responses, as it does after `from_url`.
    """

    def __init__(self, redis: redis.asyncio.Redis, prefix: str, app_id: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._app_id = app_id
        self._timeout_s = timeout_s

    @classmethod
    def from_url(
        cls,
        url: str,
        prefix: str,
        app_id: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        timeout_s: float = TIMEOUT_S,
    ) -> Self:
        """Return a writer with its own connections. It connects when first used. Raises ValueError for a bad URL.

        `timeout_s` limits a whole round trip.
        """
        client = connect_async(url, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s)
        return cls(client, prefix, app_id, timeout_s=timeout_s)

    async def write(self, batches: Sequence[PartitionWrite]) -> WriteResult:
        """Write documents, sizes and marks in one round trip. Newer values in Redis stay.

        The order is documents, then sizes, then marks, so that a mark never covers missing data. After
        `CacheUnavailable`, any part may have been written, and writing it again is safe. Everything is encoded before
        anything is sent, so split a partition of many thousand customers into slices.
        """
        if not batches:
            return WriteResult(0, frozenset())
        commands = self.commands([document for batch in batches for document in batch.documents])
        *counts, advanced = await self._call([*commands, self._marks(batches)])
        unmarked = (batch.partition for batch, mark in zip(batches, advanced, strict=True) if not mark)
        return WriteResult(sum(counts), frozenset(unmarked))

    def commands(self, documents: Sequence[Document]) -> list[Command]:
        """Return the encoded commands that write documents. Sends nothing."""
        return [self._documents(chunk) for chunk in _chunks(documents)]

    async def marks(self, partitions: Iterable[int]) -> dict[int, Mark | None]:
        """Return the marks of `partitions`, with None for a missing mark.

        Claims the prefix for this application, also again after a wipe. Raises `PrefixTaken` when another application
        owns the prefix.
        """
        wanted = list(partitions)
        keys = [self._keys.owner, *map(self._keys.mark, wanted)]
        ((owner, *marks),) = await self._call([_CLAIM.call(keys, self._app_id)])
        if owner != self._app_id:
            raise PrefixTaken(self._keys.prefix, owner, self._app_id)
        return {partition: _mark_of(*mark) for partition, mark in zip(wanted, marks, strict=True)}

    async def set_model(self, snapshot: str | bytes) -> bool:
        """Store the active model snapshot, a JSON object with `version` and `created_at` (RFC 3339).

        It is stored for its dimension. The model of behavior has a second key. Returns False and keeps the stored
        snapshot when that has a higher version and is not older.
        """
        dimension = orjson.loads(snapshot).get("dimension", BEHAVIOR)
        keys = [self._keys.model_of(dimension), *([self._keys.model] if dimension == BEHAVIOR else [])]
        was_set = await self._call([_MODEL.call([key], snapshot) for key in keys])
        return all(was_set)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _documents(self, documents: Sequence[Document]) -> Command:
        keys = [self._keys.customer(document.customer_id) for document in documents]
        return _WRITE.call(keys, orjson.dumps([document.fields() for document in documents]))

    def _marks(self, batches: Sequence[PartitionWrite]) -> Command:
        keys = [self._keys.partitions]
        for batch in batches:
            keys += (self._keys.stats(batch.partition), self._keys.mark(batch.partition))
        return _MARK.call(keys, orjson.dumps([_mark_argument(batch) for batch in batches]))

    async def _call(self, commands: list[Command]) -> list[Any]:
        """Return the replies of script calls. Load the scripts if Redis lost them in a restart or failover."""
        try:
            return await self._send(commands)
        except CacheUnavailable as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        await self._send(_LOAD)
        return await self._send(commands)

    async def _send(self, commands: list[Command]) -> list[Any]:
        with redis_errors():
            async with asyncio.timeout(self._timeout_s), self._redis.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return checked(await pipeline.execute(raise_on_error=False))


def _chunks(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for start in range(0, len(documents), DOCUMENTS_PER_CALL):
        yield documents[start : start + DOCUMENTS_PER_CALL]


def _mark_of(epoch: str | None = None, group: str | None = None) -> Mark | None:
    """Return the mark in Redis, or None when it is missing or was written by another program."""
    try:
        return None if epoch is None or group is None else Mark(int(epoch), int(group))
    except ValueError:
        return None


def _mark_argument(batch: PartitionWrite) -> dict[str, Any]:
    return {
        "partition": str(batch.partition),
        "epoch": str(batch.epoch),
        "group": str(batch.group),
        "after": "" if batch.after is None else str(batch.after),
        "sizes": {segment: str(customers) for segment, customers in batch.sizes.items()},
    }
