"""Latency of reading the segments of one customer, and of a hundred, from Redis."""

from __future__ import annotations

import asyncio
import random
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import numpy as np

from benchmarks.bench import Bench, Figures
from benchmarks.table import table
from stream_seg.cache import SegmentClient
from stream_seg.cache.port import PartitionWrite
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.document import Document, SegmentFields
from stream_seg.embedded.redis import redis_url, start_redis

SLICE = 2_000


async def _fill(url: str, customers: int) -> None:
    writer = CacheWriter.from_url(url, "seg", "benchmark")
    for start in range(0, customers, SLICE):
        documents = [
            Document(
                f"c-{number:06d}",
                (SegmentFields("behavior", f"b{number % 6}", "Frequent big baskets", "2025-01-01T10:11:12Z"),),
                sequence=17,
                epoch=1_735_689_600_000,
                as_of="2025-01-02T10:11:12.000Z",
                model_version=12,
            )
            for number in range(start, min(start + SLICE, customers))
        ]
        await writer.write([PartitionWrite(0, 1_735_689_600_000, start, documents, {})])
    await writer.aclose()


def _times_ms(call: Callable[[], object], calls: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    taken = np.empty(calls)
    for index in range(calls):
        begun = time.perf_counter()
        call()
        taken[index] = time.perf_counter() - begun
    return taken * 1000


def options(parser: ArgumentParser) -> None:
    """Add options for the number of customers in Redis and of lookups."""
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)


def measure(given: Namespace) -> Figures:
    """Measure the milliseconds per call."""
    draw = random.Random(given.seed)
    ids = [f"c-{number:06d}" for number in range(given.customers)]
    with start_redis() as redis:
        asyncio.run(_fill(redis_url(redis), given.customers))
        with SegmentClient.from_url(redis_url(redis)) as client:
            assert client.get(ids[0]) is not None
            one = _times_ms(lambda: client.get(draw.choice(ids)), given.calls)
            hundred = _times_ms(lambda: client.get_many(draw.sample(ids, 100)), given.calls // 5)
    figures: dict[str, object] = {
        "one_p50_ms": float(np.percentile(one, 50)),
        "one_p99_ms": float(np.percentile(one, 99)),
        "hundred_p50_ms": float(np.percentile(hundred, 50)),
        "hundred_p99_ms": float(np.percentile(hundred, 99)),
        "customers": given.customers,
    }
    rows = [
        ["one customer", figures["one_p50_ms"], figures["one_p99_ms"]],
        ["100 customers in one call", figures["hundred_p50_ms"], figures["hundred_p99_ms"]],
    ]
    print(table(["lookup", "p50 ms", "p99 ms"], rows))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("{one,hundred}_{p50,p99}_ms", "customers"),
    smoke={"customers": 200, "calls": 50},
)
