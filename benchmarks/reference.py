"""Runs the reference application on a slice of W1 and measures it between its first and its last event."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from benchmarks import brokers
from benchmarks.processes import Child
from benchmarks.workload import Spec, Workload, create_topics, fixed_model, generate, preload
from stream_seg.embedded.redis import redis_url, start_redis

# The embedded broker creates topics on first use. Apache Kafka does not.
TOPICS = ["reference-changes", "reference-dead-letters"]


def slice_of(events: int) -> Spec:
    """Return a smaller W1 with as many events per customer, so that an equal share of them changes a segment."""
    return Spec(events=events, customers=events // 10)


SLICE = slice_of(60_000)


@dataclass(frozen=True)
class ReferenceResult:
    """Measurements of one run, without start-up, rebalance and shutdown.

    `segments` is the final state in Redis, by customer.
    """

    events: int
    rejected: int
    changes: int
    wall_s: float
    cpu_s: float
    rss_bytes: int
    segments: dict[str, str]

    @property
    def events_per_s(self) -> float:
        """Return records per second of wall time, including rejected ones."""
        return self.events / self.wall_s

    @property
    def cpu_s_per_million(self) -> float:
        """Return CPU seconds of the worker process per million records."""
        return self.cpu_s / self.events * 1e6


def run(workload: Workload | None = None, timeout_s: float = 300.0, broker: str = brokers.EMBEDDED) -> ReferenceResult:
    """Run once on a private broker and an embedded Redis. Raises ChildFailed when the worker ends or hangs."""
    workload = workload or generate(SLICE)
    with brokers.running(broker) as started, start_redis() as redis, tempfile.TemporaryDirectory() as directory:
        asyncio.run(preload(started.address, workload))
        asyncio.run(create_topics(started.address, TOPICS, workload.spec.partitions))
        model = Path(directory, "model.json")
        model.write_text(json.dumps(fixed_model()))
        environment = {
            "REFERENCE_BROKER": started.address,
            "REFERENCE_REDIS_URL": redis_url(redis),
            "REFERENCE_MODEL": str(model),
            "REFERENCE_EVENTS": str(workload.events),
        }
        with Child.module(
            "benchmarks.reference_app",
            *("--datadir", directory, "worker", "--loglevel", "info", "--without-web"),
            environment=environment,
        ) as worker:
            worker.wait_for(lambda: bool(worker.reports()), timeout_s, "the last event")
            figures = worker.reports()[-1]
            rss_bytes = worker.usage().rss_bytes
            segments = asyncio.run(_segments(redis_url(redis)))
    return ReferenceResult(rss_bytes=rss_bytes, segments=segments, **figures)


async def _segments(url: str) -> dict[str, str]:
    prefix = "reference:customer:"
    async with Redis.from_url(url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter(f"{prefix}*", count=10_000)]
        async with redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hget(key, "behavior")
            held = await pipeline.execute()
    return {key.removeprefix(prefix): segment for key, segment in zip(keys, held, strict=True)}
