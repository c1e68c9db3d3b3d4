"""Reads partitions backwards, in windows from their ends towards their starts, without a consumer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaTimeoutError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from stream_seg.kafka.client import answers, ask_leaders, raise_for
from stream_seg.kafka.offsets import FETCH_WAITS_MS, fetch

# Records of the first window, which is mostly enough. Each further one has four times as many, up to the largest.
FIRST_WINDOW: Final = 1_024
LARGEST_WINDOW: Final = 262_144
FETCH_BYTES: Final = 1024 * 1024


class PartitionView(Protocol):
    """A reader of the records of one partition, window after window."""

    def look(self, records: Iterable[Any]) -> None:
        """Take records of the current window, in their order. Called several times per window."""

    def window_ended(self) -> bool:
        """Return whether older windows need not be read. Called after each window."""


View = TypeVar("View", bound=PartitionView)


async def read_backwards(
    client: AIOKafkaClient,
    spans: Mapping[TopicPartition, tuple[int, int]],
    view: Callable[[TopicPartition], View],
    mark: bytes,
) -> dict[TopicPartition, View]:
    """Show each partition's records between two offsets to a view of its own, newest window first.

    A window has at most 262,144 records, of which about a megabyte is in memory at once. Batches without the bytes
    `mark` are skipped, unless they are compressed. Raises KafkaError.
    """

    async def ask(node: int, mine: Sequence[TopicPartition]) -> dict[TopicPartition, View]:
        # Each attempt gets new views, because a failed attempt has already shown records to its own.
        views = {tp: view(tp) for tp in mine}
        low = {tp: spans[tp][1] for tp in mine}
        unread = [tp for tp in mine if low[tp] > spans[tp][0]]
        size = FIRST_WINDOW
        while unread:
            windows = {tp: (max(spans[tp][0], low[tp] - size), low[tp]) for tp in unread}
            await _read(client, node, windows, views, mark)
            low |= {tp: begin for tp, (begin, _) in windows.items()}
            unread = [tp for tp in unread if not views[tp].window_ended() and low[tp] > spans[tp][0]]
            size = min(4 * size, LARGEST_WINDOW)
        return views

    return await ask_leaders(client, spans, ask)


async def _read(
    client: AIOKafkaClient,
    node: int,
    windows: Mapping[TopicPartition, tuple[int, int]],
    views: Mapping[TopicPartition, PartitionView],
    mark: bytes,
) -> None:
    """Show all records of windows that have the same leader."""
    reached = {tp: begin for tp, (begin, _) in windows.items()}
    waits_ms = iter(FETCH_WAITS_MS)
    wait_ms = next(waits_ms)
    while waiting := {tp: at for tp, at in reached.items() if at < windows[tp][1]}:
        response = await fetch(client, node, waiting, wait_ms=wait_ms, max_bytes=FETCH_BYTES)
        passed = {}
        for tp, (error_code, *_, data) in answers(response.topics):
            raise_for(error_code, tp)
            if data:
                passed[tp] = _show(data, waiting[tp], windows[tp][1], views[tp], mark)
        if any(end > waiting[tp] for tp, end in passed.items()):
            reached |= passed
            continue
        wait_ms = next(waits_ms, 0)
        if not wait_ms:
            raise KafkaTimeoutError(f"no records of {list(waiting)} in {sum(FETCH_WAITS_MS) / 1000:g} s")


def _show(data: bytes, begin: int, end: int, view: PartitionView, mark: bytes) -> int:
    """Show the records between two offsets, and return the offset after the last complete batch."""
    passed = begin
    marked = mark in data
    batches = MemoryRecords(data)
    while passed < end and batches.has_next():
        batch = batches.next_batch()
        passed = max(passed, batch.next_offset)
        if (marked or batch.compression_type) and not batch.is_control_batch:
            view.look(record for record in batch if begin <= record.offset < end)
    return passed
