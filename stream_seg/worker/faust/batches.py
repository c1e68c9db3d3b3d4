"""Intake: the records of one partition travel through Faust as one event.

Faust spends some fifty microseconds on every event, whatever it does; a batch makes that once a thousand records.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from faust.types import TP

# Records in one Faust event. Larger ones gain nothing more, and what waits in Faust's queues is counted in events.
BATCH_RECORDS: Final = 1024

# For tests: other batches, so that a replay after a crash falls into other groups than the first time.
BATCH_RECORDS_VARIABLE: Final = "STREAM_SEG_BATCH_RECORDS"


@cache
def batch_records() -> int:
    """Records in one batch at most. Raises ValueError when the variable holds no number above 0."""
    wanted = os.environ.get(BATCH_RECORDS_VARIABLE) or str(BATCH_RECORDS)
    if not wanted.isdigit() or int(wanted) < 1:
        raise ValueError(f"{BATCH_RECORDS_VARIABLE} is {wanted!r}; write a number of records above 0")
    return int(wanted)


class RecordBatch:
    """Consecutive records of one partition, wearing the attributes of the one record that Faust expects.

    `records` are aiokafka's own, each with `offset`, `key`, `value`. The offset of the batch is that of its last
    record: acknowledging the batch acknowledges all.
    """

    __slots__ = ("offset", "partition", "records", "timestamp", "topic")

    timestamp_type = 0
    headers: tuple[Any, ...] = ()
    key = None
    checksum = None
    serialized_key_size = 0
    serialized_value_size = 0

    def __init__(self, tp: TP, records: Sequence[Any]) -> None:
        self.topic = tp.topic
        self.partition = tp.partition
        self.records = records
        self.offset = int(records[-1].offset)  # of the last record
        self.timestamp = int(records[-1].timestamp)  # broker time of the last record, milliseconds

    def release(self) -> None:
        """Let go of the records, which are absorbed: Faust holds the batch until its group is written."""
        self.records = ()

    @property
    def value(self) -> RecordBatch:
        """The batch itself: what the agent receives."""
        return self


class BatchScheduler:
    """Faust's `ConsumerScheduler`: turns fetched records into batches, partitions taking turns."""

    def iterate(self, records: Mapping[TP, Sequence[Any]]) -> Iterator[tuple[TP, RecordBatch]]:
        """Yield (partition, batch) until all fetched records are handed out."""
        size = batch_records()
        waiting = deque((tp, fetched, 0) for tp, fetched in records.items())
        while waiting:
            tp, fetched, start = waiting.popleft()
            end = start + size
            yield tp, RecordBatch(tp, fetched[start:end])
            if end < len(fetched):
                waiting.append((tp, fetched, end))
