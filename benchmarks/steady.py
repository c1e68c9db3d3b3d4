"""A steady stream of events into the input topics, from a separate thread of the benchmark."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, zip_longest

from aiokafka import AIOKafkaProducer

from benchmarks.workload import Partition, Workload
from stream_seg.kafka.append import Message, append_all

TICK_S = 0.05
BATCH_BYTES = 900_000

Placed = tuple[Partition, bytes, bytes]


class Steady:
    """Sends a workload's records repeatedly, under new ids each time.

    `rate`, events per second, may change during the run.
    """

    def __init__(self, bootstrap: str, workload: Workload, rate: float) -> None:
        self.rate = rate
        self.sent = 0
        self.sent_bytes = 0
        self._bootstrap = bootstrap
        self._records = _interleaved(workload)
        self._ends = threading.Event()
        self._failure: BaseException | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block runs. Raises the error that ended the sending early."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ends.set()
            thread.join(30.0)
        if self._failure is not None:
            raise self._failure

    def wait_until_sent(self, events: int) -> None:
        """Return when so many are sent. Raises the error that ended the sending before."""
        while self.sent < events:
            if self._failure is not None:
                raise self._failure
            time.sleep(TICK_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as failure:
            self._failure = failure

    async def _send(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, max_batch_size=BATCH_BYTES) as producer:
            place, owed, at = 0, 0.0, time.monotonic()
            while not self._ends.is_set():
                await asyncio.sleep(TICK_S)
                now = time.monotonic()
                owed, at = owed + (now - at) * self.rate, now
                # Time lost to a slow broker is not made up at once.
                wanted = min(int(owed), 4 * int(self.rate * TICK_S) + 1)
                owed = min(owed - wanted, self.rate)
                by_topic: dict[str, dict[int, list[Message]]] = {}
                for _ in range(wanted):
                    (topic, partition), key, value = self._records[place % len(self._records)]
                    value = _in_turn(value, place // len(self._records))
                    by_topic.setdefault(topic, {}).setdefault(partition, []).append((key, value, ()))
                    self.sent_bytes += len(value)
                    place += 1
                for topic, messages in by_topic.items():
                    await append_all(producer, topic, messages, int(time.time() * 1000))
                self.sent += wanted


def _interleaved(workload: Workload) -> list[Placed]:
    queues = [[(place, key, value) for key, value in records] for place, records in workload.records.items()]
    return [record for record in chain.from_iterable(zip_longest(*queues)) if record is not None]


def _in_turn(value: bytes, turn: int) -> bytes:
    """Return the event with new ids for each turn. In later turns it would otherwise be a repeat."""
    if not turn:
        return value
    mark = b"%d." % turn
    return value.replace(b'"event_id":"', b'"event_id":"' + mark, 1).replace(b'"order_id":"', b'"order_id":"' + mark, 1)
