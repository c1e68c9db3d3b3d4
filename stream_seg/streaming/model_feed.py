"""The feed of model snapshots: every worker reads `segment-models` from the beginning and follows it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import TopicPartition

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.ops.offsets import high_watermarks

log = logging.getLogger(__name__)


class ModelFeed:
    """Snapshots in the order of the topic. `latest` is the one in force; all of them are known by version.

    A snapshot takes force only when it names the one in force as its parent: one by a learner that lost its
    partition is left aside. `on_snapshot(snapshot, in_force)` is called for each.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        on_snapshot: Callable[[ModelSnapshot, bool], None],
        *,
        embedded: bool,
        fetch_wait_ms: int,
    ) -> None:
        self._bootstrap = bootstrap
        self._tp = TopicPartition(topic, 0)
        self._on_snapshot = on_snapshot
        self._embedded = embedded
        self._fetch_wait_ms = fetch_wait_ms
        self._consumer: Any = None
        self.latest: ModelSnapshot | None = None
        self.versions: set[int] = set()

    async def _connect(self) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._fetch_wait_ms,
        )
        await self._consumer.start()
        self._consumer.assign([self._tp])
        await self._consumer.seek_to_beginning(self._tp)

    async def catch_up(self) -> None:
        """Read to the end of the topic: afterwards nothing published before this call is unknown."""
        if self._consumer is None:
            await self._connect()
        ends = await high_watermarks(self._consumer._client, [self._tp], embedded=self._embedded)
        while await self._consumer.position(self._tp) < ends[self._tp]:
            self._take(await self._consumer.getmany(self._tp, timeout_ms=500))

    async def follow(self) -> None:
        """Read what is published from now on, until cancelled or stopped."""
        with suppress(ConsumerStoppedError):  # a worker that stops disconnects before it cancels its tasks
            await self.catch_up()
            while True:
                self._take(await self._consumer.getmany(self._tp, timeout_ms=1000))

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    def _take(self, fetched: dict[Any, list[Any]]) -> None:
        for record in fetched.get(self._tp, []):
            if record.value is None:
                continue
            try:
                snapshot = parse_snapshot(record.value)
            except ValueError as reason:
                log.error("model snapshot at offset %d cannot be used, the one before stays: %s", record.offset, reason)
                continue
            in_force = self.latest is None or snapshot.parent == self.latest.version
            if in_force:
                self.latest = snapshot
            elif snapshot.version not in self.versions:
                log.warning(
                    "model %d names parent %d, but %d is in force: left aside",
                    snapshot.version,
                    snapshot.parent,
                    self.latest.version if self.latest else 0,
                )
            self.versions.add(snapshot.version)
            self._on_snapshot(snapshot, in_force)
