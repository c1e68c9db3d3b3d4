"""Memory per customer of the simulated shop.

The records are those of customers after a year. They are written to the changelog topic, and a worker recovers them as
after a restart. The result is the difference of its RSS to that of a worker without customers.
"""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaProducer

from benchmarks.bench import Bench, Figures
from benchmarks.realistic import DISTINCT, heavy_record, realistic_records, sizes
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import table
from benchmarks.workload import fixed_model
from stream_seg.cache.port import PartitionWrite
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.kafka.append import Message, append_all
from stream_seg.settings import Settings
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_entry, pack_header

EPOCH = 1_900_000_000_000  # later than the wall clock, because the worker without customers has marked partitions too
CHUNK = 20_000
# Python's own bytes per customer: those of two bytes objects, the key, and a place in a dictionary.
OVERHEAD_BYTES = 2 * sys.getsizeof(b"") + 9 + 100


async def fill(made: Stand, customers: int, partitions: int, templates: Sequence[bytes]) -> None:
    """Write records of customers, taken from `templates` in turn, to the changelog."""
    settings = Settings()
    async with AIOKafkaProducer(bootstrap_servers=made.broker.address, max_batch_size=900_000) as producer:
        for start in range(0, customers, CHUNK):
            keys = [f"c-{number:07d}".encode() for number in range(start, min(start + CHUNK, customers))]
            by_partition: dict[int, list[Message]] = {}
            for key, number, partition in zip(
                keys, range(start, start + CHUNK), partitions_of(keys, partitions).tolist(), strict=False
            ):
                entry = pack_entry(EPOCH, 1, templates[number % len(templates)])
                by_partition.setdefault(partition, []).append((key, entry, ()))
            await append_all(producer, settings.changelog, by_partition, int(time.time() * 1000))
        header = pack_header(Header(EPOCH, 1, 1, 0.0, settings.half_life_s, marked_epoch=EPOCH))
        last: dict[int, Iterator[Message]] = {p: iter([(HEADER_KEY, header, ())]) for p in range(partitions)}
        await append_all(producer, settings.changelog, last, int(time.time() * 1000))


async def mark(made: Stand, partitions: int) -> None:
    """Write marks of the partitions to Redis, so that the worker does not start with a rewrite of all documents."""
    writer = CacheWriter.from_url(made.redis_url, "seg", Settings().app_id)
    await writer.write([PartitionWrite(number, EPOCH, 1, [], {}) for number in range(partitions)])
    await writer.aclose()


def _settled_rss(worker: Worker, settle_s: float, timeout_s: float = 600.0) -> tuple[int, float]:
    """Return the RSS in bytes after the worker owns its partitions, and the seconds until it owned them."""
    begun = time.monotonic()
    worker.wait_ready(timeout_s)
    took = time.monotonic() - begun
    time.sleep(settle_s)  # until memory allocated by recovery is released
    return worker.child.usage().rss_bytes, took


def options(parser: ArgumentParser) -> None:
    """Add options for the number of customers and the settling time of memory."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--settle", type=float, default=2.0, metavar="S", help="seconds before memory is read")


def measure(given: Namespace) -> Figures:
    """Measure the bytes per customer."""
    settings = Settings()
    with stand(fixed_model()) as made, Worker(made) as worker:
        empty_rss, empty_s = _settled_rss(worker, given.settle)
    # New services, so that this worker does not wait for the session of the first worker to expire.
    with stand(fixed_model()) as made:
        asyncio.run(mark(made, settings.partitions))
        templates = realistic_records(EPOCH, min(DISTINCT, given.customers))
        asyncio.run(fill(made, given.customers, settings.partitions, templates))
        with Worker(made) as worker:
            full_rss, full_s = _settled_rss(worker, given.settle)
            dirty = worker.metrics().get("stream_seg_redis_dirty_customers", 0.0)
    mean, p99 = sizes(templates)
    figures: dict[str, object] = {
        "customers": given.customers,
        "mean_record_bytes": mean,
        "p99_record_bytes": p99,
        "heavy_record_bytes": len(heavy_record(EPOCH)),
        "rss_empty_mb": empty_rss / 1e6,
        "rss_full_mb": full_rss / 1e6,
        "bytes_per_customer": (full_rss - empty_rss) / given.customers,
        "mean_bytes": mean + OVERHEAD_BYTES,
        "p99_bytes": p99 + OVERHEAD_BYTES,
        "redis_repairs": dirty,
        "start_empty_s": empty_s,
        "start_full_s": full_s,
    }
    print(table(["memory", "value"], [[name, value] for name, value in figures.items()]))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "customers", "mean_record_bytes", "p99_record_bytes", "heavy_record_bytes", "mean_bytes", "p99_bytes",
        "rss_empty_mb", "rss_full_mb", "bytes_per_customer", "redis_repairs",
        "start_empty_s", "start_full_s",
    ),
    smoke={"customers": 8, "settle": 0.0},
)  # fmt: skip
