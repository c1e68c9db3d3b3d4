"""The consumer that Faust starts has all patches in place, against both brokers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import client_of
from stream_seg.settings import Settings
from stream_seg.tools.topics import TopicSpec, create_topics
from stream_seg.worker.faust.producer import aiokafka_producer
from stream_seg.worker.faust.settings import make_faust
from stream_seg.worker.faust.transport import BatchTransport

WAIT_MS = 37
RECORDS = 5


class Worker:
    """A Faust app with its consumer thread, but without agents and tables."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.app = make_faust(Settings(app_id=name), broker)
        self.transport = BatchTransport(self.app.conf.broker_consumer, self.app, broker=broker, fetch_wait_ms=WAIT_MS)
        self.app.transport = self.transport
        self.thread = self.app.consumer._new_consumer_thread()

    @property
    def kafka(self) -> Any:
        """The `AIOKafkaConsumer`."""
        return self.thread._consumer


@asynccontextmanager
async def started(broker: Broker, name: str) -> AsyncIterator[Worker]:
    """Yield a worker whose thread runs, assigned to the one partition of topic `name`, at its beginning."""
    await create_topics(broker, [TopicSpec(name, 1, 1)])
    worker = Worker(broker, name)
    async with asyncio.timeout(30):
        await worker.thread.start()
    try:
        worker.kafka.assign([TopicPartition(name, 0)])
        await worker.kafka.seek_to_beginning()
        yield worker
    finally:
        await worker.thread.stop()


async def append_batch(broker: Broker, name: str, values: int) -> None:
    """Append records to a topic as one batch."""
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        batch = producer.create_batch()
        for number in range(values):
            batch.append(key=None, value=b"%d" % number, timestamp=None)
        batch.close()
        await (await producer.send_batch(batch, name, partition=0))


async def fetched(worker: Worker) -> list[Any]:
    """Return the records of the next fetch that has any."""
    async with asyncio.timeout(30):
        while True:
            for records in (await worker.kafka.getmany(timeout_ms=500)).values():
                return list(records)


def test_fetches_wait_as_long_as_the_settings_say(broker: Broker, prefix: str) -> None:
    async def story() -> tuple[int, int]:
        async with started(broker, f"{prefix}wait") as worker:
            fetcher = worker.kafka._fetcher
            return fetcher._fetch_max_wait_ms, fetcher._isolation_level

    committed_only = 0 if broker.embedded else 1
    assert asyncio.run(story()) == (WAIT_MS, committed_only)


def test_records_arrive_without_a_dataclass(broker: Broker, prefix: str) -> None:
    async def story() -> list[Any]:
        async with started(broker, f"{prefix}raw") as worker:
            await append_batch(broker, f"{prefix}raw", RECORDS)
            return await fetched(worker)

    records = asyncio.run(story())
    assert not any(isinstance(record, ConsumerRecord) for record in records)
    assert [(record.offset, record.value) for record in records] == [(n, b"%d" % n) for n in range(RECORDS)]


def test_high_watermarks_count_each_record_of_the_last_batch(broker: Broker, prefix: str) -> None:
    name = f"{prefix}ends"

    async def story() -> Any:
        async with started(broker, name) as worker:
            await append_batch(broker, name, RECORDS)
            assert client_of(worker.kafka).cluster is not None
            return await worker.thread._highwaters([TP(name, 0)])

    assert asyncio.run(story()) == {TP(name, 0): RECORDS}


def test_the_consumer_runs_on_the_loop_of_the_app_and_stops_no_other_task(broker: Broker, prefix: str) -> None:
    async def story() -> tuple[set[threading.Thread], bool]:
        before = set(threading.enumerate())
        bystander = asyncio.create_task(asyncio.sleep(3600))
        async with asyncio.timeout(60), started(broker, f"{prefix}loop"):
            threads = set(threading.enumerate()) - before
        untouched = not bystander.done()
        bystander.cancel()
        return threads, untouched

    threads, untouched = asyncio.run(story())
    assert [thread.name for thread in threads if not thread.name.startswith("asyncio")] == []
    assert untouched


def test_the_producer_of_the_app_appends_batches(broker: Broker, prefix: str) -> None:
    name = f"{prefix}producer"

    async def story() -> int:
        await create_topics(broker, [TopicSpec(name, 1, 1)])
        app = Worker(broker, name).app
        await app.producer.start()
        try:
            producer = aiokafka_producer(app)
            batch = producer.create_batch()
            batch.append(key=None, value=b"1", timestamp=None)
            batch.close()
            offset: int = (await (await producer.send_batch(batch, name, partition=0))).offset
            return offset
        finally:
            await app.producer.stop()

    assert asyncio.run(story()) == 0
