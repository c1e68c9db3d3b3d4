"""Latency from producing an event to reading its segment change in Redis.

A thousand events per second, each of which moves a customer: an order of 1,000 lifts them into the segment of big
spenders, its refund takes them back. Redis itself announces every document as it is written.
"""

from __future__ import annotations

import asyncio
import os
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
import uvloop
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.processes import usage
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import table
from stream_seg.contracts.times import rfc3339_ms

CUSTOMERS = 1_000
WARM_UP_S = 3.0
LIMITS_MS = {"p50_ms": 10.0, "p99_ms": 50.0}


def two_segments() -> dict[str, Any]:
    """A pinned model: about 10 and about 1,000 of money in 30 days."""
    return {
        "version": 1,
        "parent": 0,
        "created_at": "2025-01-01T00:00:00Z",
        "clock": 1735689600.0,
        "features": ["spend_rate"],
        "log": [True],
        "center": [0.0],
        "scale": [1.0],
        "centroids": [[float(np.log1p(10.0))], [float(np.log1p(1000.0))]],
        "segments": [
            {"id": "b0", "name": "Small spenders", "share": 0.5, "customers": 1, "features": {"spend_rate": 10.0}},
            {"id": "b1", "name": "Big spenders", "share": 0.5, "customers": 1, "features": {"spend_rate": 1000.0}},
        ],
        "learner": {},
        "reason": "benchmark",
    }


class Pace(NamedTuple):
    """A steady load: events per second, measured seconds, and warm-up seconds before them."""

    rate: float
    seconds: float
    warm_up_s: float = WARM_UP_S

    @property
    def events(self) -> int:
        """Return the number of events, including the warm-up."""
        return int(self.rate * (self.seconds + self.warm_up_s))


class Load:
    """Produces events at a steady rate and records when each customer's document is written.

    `first` is the number of its first event: the end of another load, after complete pairs of orders and refunds.
    """

    def __init__(self, made: Stand, pace: Pace, first: int = 0) -> None:
        self._made = made
        self._pace = pace
        self._first = first
        self._sent: dict[str, deque[float]] = defaultdict(deque)
        self.latencies_s: list[float] = []
        self.produced = 0

    async def run(self) -> None:
        """Produce at the pace, and wait for the last documents."""
        async with Redis.from_url(self._made.redis_url, decode_responses=True) as redis:
            await redis.config_set("notify-keyspace-events", "Kh")
            async with redis.pubsub() as changes:
                await changes.psubscribe("__keyspace@0__:seg:customer:*")
                listener = asyncio.create_task(self._listen(changes))
                await self._produce()
                deadline = time.perf_counter() + 5.0
                while any(self._sent.values()) and time.perf_counter() < deadline:
                    await asyncio.sleep(0.05)
                listener.cancel()

    @property
    def unanswered(self) -> int:
        """Return the number of events whose change never appeared in Redis."""
        return sum(map(len, self._sent.values()))

    async def _listen(self, changes: Any) -> None:
        async for message in changes.listen():
            if message["type"] == "pmessage" and message["data"] == "hset":
                waiting = self._sent[message["channel"].rpartition(":")[2]]
                if waiting:
                    self.latencies_s.append(time.perf_counter() - waiting.popleft())

    async def _produce(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._made.broker.address, linger_ms=0) as producer:
            pace, begun = self._pace, time.perf_counter()
            for number in range(pace.events):
                pause = begun + number / pace.rate - time.perf_counter()
                if pause > 0:
                    await asyncio.sleep(pause)
                if number == int(pace.rate * pace.warm_up_s):
                    self.latencies_s.clear()
                customer = f"c-{number % CUSTOMERS:05d}"
                value = orjson.dumps(_event(self._first + number, customer))
                self._sent[customer].append(time.perf_counter())
                await producer.send("purchases", value, key=customer.encode())
                self.produced += 1


def _event(number: int, customer: str) -> Mapping[str, Any]:
    turn = number // CUSTOMERS
    return {
        "event_id": f"e-{number:08d}",
        "customer_id": customer,
        "type": "order_refunded" if turn % 2 else "order_completed",
        "occurred_at": rfc3339_ms(time.time()),
        "order_id": f"o-{customer}-{turn // 2}",
        "amount": 1000.0,
        "currency": "USD",
    }


def options(parser: ArgumentParser) -> None:
    """Add the options: the load, the broker, and the wait of a fetch."""
    parser.add_argument("--rate", type=float, default=1_000.0, help="events per second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, metavar="S", help="seconds that do not count")
    brokers.add_option(parser)
    parser.add_argument(
        "--fetch-wait-ms", type=int, help="the setting; by default 10 on the embedded broker, on Kafka left alone"
    )


def measure(given: Namespace) -> Figures:
    """Return milliseconds from producing to readable. `ok` means that the limits are met."""
    settings = {"MARGIN": "0", "DWELL": "0"}
    if wait_ms := given.fetch_wait_ms or (10 if given.broker == brokers.EMBEDDED else None):
        settings["FETCH_WAIT_MS"] = str(wait_ms)
    # No process is pinned to a core. The kernel keeps the generator off the worker's core, and broker and Redis need
    # both.
    with stand(two_segments(), given.broker, **settings) as made, Worker(made) as worker:
        worker.wait_ready()
        load = Load(made, Pace(given.rate, given.seconds, given.warm_up))
        before = worker.child.usage()
        own = usage(os.getpid())
        uvloop.run(load.run())
        spent = usage(os.getpid())
        after, metrics = worker.child.usage(), worker.metrics()
    p50, p90, p99 = (np.percentile(load.latencies_s, share) * 1000 for share in (50, 90, 99))
    groups = int(metrics["stream_seg_group_seconds_count"])
    figures: dict[str, object] = {
        "broker": given.broker,
        "rate": given.rate,
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
        "max_ms": max(load.latencies_s) * 1000,
        "events": len(load.latencies_s),
        "unanswered": load.unanswered,
        "groups": groups,
        "group_mean_ms": 1000 * metrics["stream_seg_group_seconds_sum"] / metrics["stream_seg_group_seconds_count"],
        # Near 1 the result would measure the generator itself.
        "generator_cpu_share": (spent.cpu_s - own.cpu_s) / (spent.at_s - own.at_s),
        "worker_cpu_share": (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s),
    }
    figures["ok"] = all(float(str(figures[name])) <= limit for name, limit in LIMITS_MS.items())
    stages = {k.split('"')[1]: v for k, v in metrics.items() if k.startswith("stream_seg_stage_seconds_total")}
    print(table(["stage", "mean ms"], [[name, 1000 * seconds / groups] for name, seconds in stages.items()]))
    print()
    print(table(["produced to readable in Redis", "value"], [[name, value] for name, value in figures.items()]))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "broker", "rate", "p50_ms", "p90_ms", "p99_ms", "max_ms", "events", "unanswered", "groups", "group_mean_ms",
        "generator_cpu_share", "worker_cpu_share", "ok",
    ),
    smoke={"rate": 200.0, "seconds": 0.5, "warm_up": 0.25},
)  # fmt: skip
