"""The effects of a commit group, in an order that a crash at any point cannot break.

    0 dead letters      -> topic, acknowledged
    1 customer records  -> changelog, each with the changes it decided, the partition's header last, acknowledged
    2 segment changes   -> topic, exactly as the records carry them, acknowledged
    3 documents         -> Redis, guarded, while 2 is under way. A failure is repaired later and delays nothing
    4 the same records  -> the store on disk, if there is one, with the offset of the changelog, in one write
    5 the Faust events are acknowledged, so that their offsets may be committed

After a crash before 1 the input is uncommitted and is read again. After 1 the input is read again too, but the fence in
every record skips it, and recovery sends the changes that 2 may not have sent. The mark {epoch, group} in Redis shows
which documents 3 did not write. A store on disk never holds changes that are not published. Before 4 it ends before
this group, and recovery reads the group from the changelog with its pending changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.changes import message_again
from stream_seg.errors import LeaseLost
from stream_seg.kafka.append import Appended, Message, append_all
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.crash_points import reach
from stream_seg.worker.partitions.ownership import OwnedPartition

from .cache_sync import CacheSync
from .changelog_writer import ChangelogWriter
from .evaluate import Output
from .group import Group


class Effects:
    """Writes commit groups to Kafka, Redis and the store on disk. Every write to Kafka needs the lease.

    `producer` returns the started aiokafka producer.
    """

    def __init__(
        self,
        settings: Settings,
        producer: Callable[[], Any],
        changelog: ChangelogWriter,
        cache_sync: CacheSync,
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._changes_topic = settings.topic("segment-changes")
        self._dead_letters_topic = settings.topic("dead-letters")
        self._producer = producer
        self._changelog = changelog
        self._cache_sync = cache_sync
        self._lease = changelog.lease
        self._metrics = metrics
        self._clock = clock

    def check_lease(self) -> None:
        """Raise LeaseLost when other workers may own these partitions by now."""
        self._lease.check()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the duration of the block to the metric of a stage."""
        began = self._clock.monotonic()
        yield
        self._metrics.stage_seconds.labels(name).inc(self._clock.monotonic() - began)

    async def write(self, group: Group, outputs: Sequence[Output]) -> None:
        """Write a decided group, one effect after the other, and acknowledge its events."""
        if group.dead_letters:
            await self._append(self._dead_letters_topic, group.dead_letters)
            reach("dead-letters")
        with self.stage("changelog"):
            await self._changelog.append(outputs)
        reach("changelog")
        # A process that was stopped meanwhile may have appended behind the next owner, which decided differently. These
        # changes must then never be published.
        self._lease.check()
        # Both follow from the durable records, and neither needs the other.
        await asyncio.gather(self._publish_changes(outputs), self._write_documents(outputs))
        with self.stage("store"):
            for output in outputs:
                output.partition.state.keep_written()
        reach("stored")
        for event in group.events:
            event.ack()
        reach("acknowledged")

    async def take_over(self, partitions: Collection[OwnedPartition], source: str) -> None:
        """Begin the epochs of newly owned partitions, then publish the changes that recovery found unconfirmed.

        `source` is the CloudEvents source.
        """
        if partitions:
            await self._changelog.take_over(partitions)
        pending = {
            partition.number: [
                message_again(value, source) for _, values in sorted(partition.state.unconfirmed) for value in values
            ]
            for partition in partitions
            if partition.state.unconfirmed
        }
        reach("recovered")
        if pending:
            self._lease.check()
            await self._append(self._changes_topic, pending)
        reach("resumed")
        for partition in partitions:
            partition.position.confirmed = partition.position.group
            partition.state.unconfirmed.clear()

    async def confirm(self, partitions: Collection[OwnedPartition]) -> None:
        """Record in the changelog that no change is pending, so that a restart does not publish the last ones again."""
        await self._changelog.confirm(partitions)

    async def tend_cache(self, partitions: Mapping[int, OwnedPartition]) -> None:
        """Repair Redis, while the lease holds. After that, the marks of a new owner would look like a loss."""
        try:
            self._lease.check()
        except LeaseLost:
            return
        await self._cache_sync.tend(partitions)

    async def _publish_changes(self, outputs: Sequence[Output]) -> None:
        changes: dict[int, list[Message]] = {
            output.partition.number: [change for changes in output.changes.values() for change in changes]
            for output in outputs
            if output.changes
        }
        if changes:
            with self.stage("changes"):
                await self._append(self._changes_topic, changes)
            for output in outputs:
                for dimension, number in output.changes_by_dimension.items():
                    self._metrics.changes.labels(dimension).inc(number)
        reach("changes")
        for output in outputs:
            output.partition.position.confirmed = output.partition.position.group

    async def _write_documents(self, outputs: Sequence[Output]) -> None:
        with self.stage("redis"):
            await self._cache_sync.write(outputs)
        reach("redis")

    async def _append(self, topic: str, messages: Mapping[int, Iterable[Message]]) -> dict[int, list[Appended]]:
        return await append_all(self._producer(), topic, messages, int(self._clock.wall() * 1000))
