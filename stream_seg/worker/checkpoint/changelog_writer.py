"""Writes to the changelog: records of groups, and headers that begin an epoch or confirm published changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.errors import IncompleteState
from stream_seg.kafka.append import Appended, Message, append_all
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.faust.lease import HeartbeatLease
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_header
from stream_seg.worker.partitions.ownership import OwnedPartition

from .evaluate import Output


class ChangelogWriter:
    """Appends to the changelog and notes the offsets. Every append needs the lease.

    `producer` returns the started aiokafka producer.
    """

    def __init__(
        self,
        settings: Settings,
        producer: Callable[[], Any],
        lease: HeartbeatLease,
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._topic = settings.changelog
        self._half_life_s = settings.half_life_s
        self._producer = producer
        self.lease = lease
        self._metrics = metrics
        self._clock = clock

    async def append(self, outputs: Sequence[Output]) -> None:
        """Append what a group writes, partition by partition."""
        entries = {output.partition.number: output.entries() for output in outputs}
        appended = await self._append(entries)
        for output in outputs:
            self._note_offsets(output.partition, appended[output.partition.number])
            output.partition.state.header = output.header

    async def take_over(self, partitions: Collection[OwnedPartition]) -> None:
        """Begin the epoch of newly owned partitions with a header, right behind the records that recovery read.

        The previous owner may wake up and append later. Readers then ignore its records, because a higher epoch comes
        before them. Raises IncompleteState if it has appended since recovery. A restart then reads that, too.
        """
        headers = {
            partition.number: replace(
                partition.state.header or Header(0, 0, 0, 0.0, self._half_life_s), epoch=partition.position.epoch
            )
            for partition in partitions
        }
        appended = await self._append_headers(headers)
        for partition in partitions:
            (at, _), *_ = appended[partition.number]
            state = partition.state
            expected = 0 if state.offset is None else state.offset + 1
            if at != expected:
                raise IncompleteState(
                    f"partition {partition.number}: another worker appended to its changelog during the takeover"
                    f" (offset {at} instead of {expected}). Nothing was published. Restart this worker, which then"
                    " reads those records"
                )
            state.header, state.offset = headers[partition.number], at

    async def renew(self, partition: OwnedPartition) -> None:
        """Write down the new epoch of a partition that goes on, before the epoch is used elsewhere."""
        await self._replace_headers([partition])

    async def confirm(self, partitions: Collection[OwnedPartition]) -> None:
        """Record that no change is pending, so that a restart does not publish the last ones again."""
        confirmed = [
            partition
            for partition in partitions
            if (header := partition.state.header) is not None and header.confirmed < partition.position.confirmed
        ]
        await self._replace_headers(confirmed)
        for partition in confirmed:
            partition.state.keep_written()

    async def _replace_headers(self, partitions: Collection[OwnedPartition]) -> None:
        """Append the headers again with the current position.

        They keep the progress of the last group. Batches that gathered since are not part of it.
        """
        headers = {
            partition.number: replace(
                header,
                epoch=partition.position.epoch,
                group=partition.position.group,
                confirmed=partition.position.confirmed,
            )
            for partition in partitions
            if (header := partition.state.header) is not None
        }
        if not headers:
            return
        appended = await self._append_headers(headers)
        for partition in partitions:
            if partition.number in headers:
                self._note_offsets(partition, appended[partition.number])
                partition.state.header = headers[partition.number]

    async def _append_headers(self, headers: dict[int, Header]) -> dict[int, list[Appended]]:
        return await self._append(
            {number: [(HEADER_KEY, pack_header(header), ())] for number, header in headers.items()}
        )

    async def _append(self, messages: Mapping[int, Iterable[Message]]) -> dict[int, list[Appended]]:
        self.lease.check()
        return await append_all(self._producer(), self._topic, messages, int(self._clock.wall() * 1000))

    def _note_offsets(self, partition: OwnedPartition, appended: list[Appended]) -> None:
        """Record the changelog offset. A gap before it shows that another worker has appended."""
        state = partition.state
        for first, last in appended:
            if state.offset is not None and first > state.offset + 1:
                # The other worker had lost the partition. Readers take the higher epoch, but compaction keeps the last
                # record under a key. Append every record again behind the foreign ones.
                self._metrics.foreign_appends.inc()
                partition.sweeps.rewrite = state.records.scan()
                state.categories.renew()
                state.incomplete = True
            state.offset = last
