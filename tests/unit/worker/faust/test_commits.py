"""A consumer commits up to its last acknowledged batch, although batches leave gaps between their offsets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from faust.types import TP
from intervaltree import IntervalTree

from stream_seg.worker.faust.transport import BatchConsumer

PARTITION = TP("events", 0)


def consumer(*acknowledged: int) -> Any:
    """Return a consumer with acknowledged offsets, not connected."""
    made = BatchConsumer.__new__(BatchConsumer)
    made._acked, made._acked_index = defaultdict(list), defaultdict(set)
    made._gap, made._committed_offset = defaultdict(IntervalTree), defaultdict(lambda: None)
    made._acked[PARTITION] = list(acknowledged)
    made._acked_index[PARTITION] = set(acknowledged)
    return made


def test_the_last_batch_is_committed_in_one_step() -> None:
    made = consumer(1_023, 2_047, 2_100)
    assert made._new_offset(PARTITION) == 2_101
    assert (made._acked[PARTITION], made._acked_index[PARTITION]) == ([], set())


def test_nothing_is_committed_without_an_acknowledged_batch() -> None:
    assert consumer()._new_offset(PARTITION) is None


def test_gaps_are_not_recorded() -> None:
    made = consumer()
    asyncio.run(made._add_gap(PARTITION, 0, 1_022))
    assert not made._gap[PARTITION]
