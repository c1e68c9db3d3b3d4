"""The feed of model snapshots. Every worker reads `segment-models` from the beginning and follows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import TopicPartition

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.contracts.snapshot_chain import SnapshotChains
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import client_of
from stream_seg.kafka.offsets import high_watermarks

log = logging.getLogger(__name__)

OnSnapshot = Callable[[ModelSnapshot, bool], None]  # (snapshot, whether it is active)


class ModelFeed:
    """Snapshots in the order of the topic. `SnapshotChains` decides which of them become active.

    `on_snapshot(snapshot, active)` is called for each snapshot, and `on_unusable()` for each message that is none.
    """

    def __init__(
        self,
        broker: Broker,
        topic: str,
        on_snapshot: OnSnapshot,
        *,
        on_unusable: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._tp = TopicPartition(topic, 0)
        self._on_snapshot = on_snapshot
        self._on_unusable = on_unusable
        self._consumer: Any = None
        self._connecting = asyncio.Lock()
        self._chains: SnapshotChains[ModelSnapshot] = SnapshotChains()

    @property
    def latest(self) -> ModelSnapshot | None:
        """The active snapshot of behavior, or None before the first."""
        return self._chains[BEHAVIOR].latest

    @property
    def versions(self) -> set[int]:
        """All versions of behavior that were read, active or not."""
        return self._chains[BEHAVIOR].versions

    async def _connect(self) -> None:
        """Connect once. `follow` and `catch_up` may call this at the same time, and each may be cancelled."""
        async with self._connecting:
            if self._consumer is not None:
                return
            consumer = AIOKafkaConsumer(
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=self._broker.follow_wait_ms,
                **self._broker.client_options(),
            )
            try:
                await consumer.start()
                consumer.assign([self._tp])
                await consumer.seek_to_beginning(self._tp)
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer

    async def catch_up(self) -> None:
        """Read all snapshots that were published before this call."""
        await self._connect()
        ends = await high_watermarks(self._broker, client_of(self._consumer), [self._tp])
        while await self._consumer.position(self._tp) < ends[self._tp]:
            self._take(await self._consumer.getmany(self._tp, timeout_ms=500))

    async def follow(self) -> None:
        """Read new snapshots until cancelled or stopped."""
        with suppress(ConsumerStoppedError):  # a stopping worker disconnects before it cancels its tasks
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
                self._on_unusable()
                continue
            known = snapshot.version in self._chains[snapshot.dimension].versions
            for ruling in self._chains.take(snapshot):
                if ruling.superseded is not None and not known:
                    log.warning("model %d is superseded: %s", snapshot.version, ruling.superseded)
                self._on_snapshot(ruling.snapshot, ruling.active)
