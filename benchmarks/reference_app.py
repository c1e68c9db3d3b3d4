"""The reference: the Faust application that Faust's documentation teaches, doing what a worker of stream_seg does.

One event at a time: a `faust.Record` for each event, a `Table` of customer records with its changelog, an agent
for each topic, a dead letter for what fails, the nearest of the six centres, and for every change a message to a
topic and a hash in Redis. This file is frozen: the benchmark's ratios mean nothing when it moves. Whoever
changes it says why.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import mode.loop

mode.loop.use("uvloop")  # before Faust is imported; 10 to 15 % less CPU than asyncio's own loop

import faust  # noqa: E402
import redis.asyncio  # noqa: E402

# A worker makes a hundred short-lived objects an event, and holds every customer: by default the collector would
# walk all of them again and again. 5 to 8 % less CPU.
gc.set_threshold(50_000, 50, 50)

PARTITIONS = 8
# The embedded broker waits half of it before a group's first assignment.
SESSION_S = min(6.0, float(os.environ.get("STREAM_SEG_SESSION_TIMEOUT_S", "6")))
CURRENCY = "USD"
DAY_S = 86_400.0
HALF_LIFE_S = 30 * DAY_S
LANDMARK_S = 1_735_689_600.0  # decayed sums count from 2025-01-01T00:00:00Z
PER_MONTH = math.log(2) / HALF_LIFE_S * 30 * DAY_S

app = faust.App(
    "reference",
    broker=f"kafka://{os.environ['REFERENCE_BROKER']}",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_disable_leader=True,
    table_standby_replicas=0,
    web_enabled=False,
    broker_session_timeout=SESSION_S,
    broker_rebalance_timeout=SESSION_S,
    broker_heartbeat_interval=SESSION_S / 6,
    producer_linger=0.1,
    producer_max_batch_size=128 * 1024,
    producer_request_timeout=60.0,
    consumer_max_fetch_size=4 * 1024 * 1024,
    cython_optimizations=True,
)
# Every event puts a changelog message into the producer's buffer, which says so each time it holds over a hundred.
logging.getLogger("faust.transport.producer").setLevel(logging.ERROR)


# The models name what the application uses; what else an event carries (channel, product) is let through.
class Purchase(faust.Record, serializer="json", validation=True, isodates=True, date_parser=datetime.fromisoformat):
    event_id: str
    customer_id: str
    type: str
    occurred_at: datetime
    order_id: str
    amount: float
    currency: str


class Interaction(faust.Record, serializer="json", validation=True, isodates=True, date_parser=datetime.fromisoformat):
    event_id: str
    customer_id: str
    type: str
    occurred_at: datetime


class Customer(faust.Record, serializer="json", include_metadata=False):
    """Money in minor units; the sums decay. The last order is kept to know what a refund takes back."""

    ordered: float = 0.0
    spent: float = 0.0
    taken_back: float = 0.0
    browsed: float = 0.0
    purchases: int = 0
    spend: int = 0
    refunded: int = 0
    interactions: int = 0
    first_seen: float = math.inf
    last_seen: float = 0.0
    last_purchase: float = 0.0
    last_order: str = ""
    last_order_weight: float = 0.0
    segment: int = -1
    sequence: int = 0


class SegmentChange(faust.Record, serializer="json", include_metadata=False):
    customer_id: str
    segment: str
    previous: str | None
    event_id: str
    sequence: int
    occurred_at: float


RAW = {"key_type": bytes, "key_serializer": "raw"}
purchases = app.topic("purchases", value_type=bytes, value_serializer="raw", **RAW)
interactions = app.topic("interactions", value_type=bytes, value_serializer="raw", **RAW)
changes = app.topic("reference-changes", value_type=SegmentChange, partitions=PARTITIONS, **RAW)
dead_letters = app.topic("reference-dead-letters", value_type=bytes, value_serializer="raw", **RAW)
customers = app.Table("customers", default=Customer, key_type=bytes, value_type=Customer, partitions=PARTITIONS)
cache = redis.asyncio.Redis.from_url(os.environ["REFERENCE_REDIS_URL"])
unwritten: dict[str, dict[Any, Any]] = {}  # the last document of each customer not yet in Redis


class Model:
    """The centres of a model snapshot in JSON form, for one customer at a time."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.center = snapshot["center"]
        self.scale = snapshot["scale"]
        self.centroids = snapshot["centroids"]

    def nearest(self, customer: Customer) -> int:
        """Index of the centre nearest to a customer at their latest event."""
        now = customer.last_seen
        fade = 2.0 ** ((LANDMARK_S - now) / HALF_LIFE_S)
        orders = customer.ordered * fade
        spend = max(customer.spent * fade, 0.0) / 100
        taken_back = customer.taken_back * fade / 100
        gross = spend + taken_back
        features = (
            math.log1p(orders * PER_MONTH),
            math.log1p(spend * PER_MONTH),
            math.log1p(spend / orders if orders > 1e-6 else 0.0),
            math.log1p((now - (customer.last_purchase or customer.first_seen)) / DAY_S),
            math.log1p(customer.browsed * fade * PER_MONTH),
            taken_back / gross if gross > 1e-6 else 0.0,
        )
        point = [(f - c) / s for f, c, s in zip(features, self.center, self.scale, strict=True)]
        apart = [math.dist(point, centroid) for centroid in self.centroids]
        return apart.index(min(apart))


model = Model(json.loads(Path(os.environ["REFERENCE_MODEL"]).read_bytes()))


class Meter:
    """Seconds and CPU seconds from the first event to the last expected one, printed as one JSON line."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.done = self.changes = self.rejected = 0
        self.wall = self.cpu = 0.0

    def tick(self) -> None:
        """Count one event."""
        self.done += 1
        if self.done in (1, self.expected):
            self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def report(self) -> None:
        """Print the figures once the last event is done and its customer is in Redis."""
        if self.done == self.expected and not unwritten:
            self.expected = 0
            figures = {"events": self.done - 1, "wall_s": self.wall, "cpu_s": self.cpu}
            figures |= {"changes": self.changes, "rejected": self.rejected}
            print(json.dumps(figures), file=sys.__stdout__, flush=True)  # Faust has turned sys.stdout into its log


meter = Meter(int(os.environ["REFERENCE_EVENTS"]))


@app.task
async def without_monitor() -> None:
    """Nothing reads the monitor's figures here, and keeping them costs 5 % of the CPU."""
    app.sensors.remove(app.monitor)


@app.agent(purchases)
async def on_purchases(stream: faust.StreamT[bytes]) -> None:
    async for value in stream:
        try:
            purchase = Purchase.loads(value)
            check(purchase)
            if purchase.amount < 0:
                raise ValueError("amount must not be negative")
            if purchase.currency != CURRENCY:
                raise ValueError(f"currency must be {CURRENCY}")
        except Exception as error:
            await reject(value, error)
        else:
            key = purchase.customer_id.encode()
            customer = customers[key]
            t = purchase.occurred_at.timestamp()
            amount = round(purchase.amount * 100)
            if purchase.type == "order_completed":
                weight = 2.0 ** ((t - LANDMARK_S) / HALF_LIFE_S)
                customer.ordered += weight
                customer.spent += amount * weight
                customer.purchases += 1
                customer.spend += amount
                customer.last_purchase = max(t, customer.last_purchase)
                customer.last_order, customer.last_order_weight = purchase.order_id, weight
            elif purchase.order_id == customer.last_order:
                customer.spent -= amount * customer.last_order_weight
                customer.taken_back += amount * customer.last_order_weight
                customer.spend -= amount
                customer.refunded += amount
            await update(key, customer, purchase, t)
        meter.tick()


@app.agent(interactions)
async def on_interactions(stream: faust.StreamT[bytes]) -> None:
    async for value in stream:
        try:
            interaction = Interaction.loads(value)
            check(interaction)
        except Exception as error:
            await reject(value, error)
        else:
            key = interaction.customer_id.encode()
            customer = customers[key]
            t = interaction.occurred_at.timestamp()
            if interaction.type != "campaign_received":  # done to a customer, who has not browsed by that
                customer.browsed += 2.0 ** ((t - LANDMARK_S) / HALF_LIFE_S)
            customer.interactions += 1
            await update(key, customer, interaction, t)
        meter.tick()


def check(event: Purchase | Interaction) -> None:
    """Raise ValueError for what the types of the fields do not say."""
    if event.occurred_at.tzinfo is None:
        raise ValueError("occurred_at must have an offset")


async def update(key: bytes, customer: Customer, event: Purchase | Interaction, t: float) -> None:
    """Put the customer into the segment of the nearest centre, store the record, and tell of a change."""
    if t < customer.first_seen:
        customer.first_seen = t
    if t > customer.last_seen:
        customer.last_seen = t
    previous, segment = customer.segment, model.nearest(customer)
    if segment == previous:
        customers[key] = customer
        return
    meter.changes += 1
    customer.segment = segment
    customer.sequence += 1
    customers[key] = customer
    change = SegmentChange(
        customer_id=event.customer_id,
        segment=f"b{segment}",
        previous=f"b{previous}" if previous >= 0 else None,
        event_id=event.event_id,
        sequence=customer.sequence,
        occurred_at=t,
    )
    # Before the await: the other agent may change the same customer meanwhile, and the last change must win.
    unwritten[event.customer_id] = {"behavior": change.segment, "behavior.since": t, "sequence": customer.sequence}
    await changes.send(key=key, value=change)


@app.timer(0.1)
async def write_cache() -> None:
    """Write the changed customers to Redis in one round trip: awaiting one for each change costs 10 % more CPU."""
    changed = unwritten.copy()
    unwritten.clear()
    async with cache.pipeline(transaction=False) as pipeline:
        for customer_id, fields in changed.items():
            pipeline.hset(f"reference:customer:{customer_id}", mapping=fields)
        await pipeline.execute()
    meter.report()


async def reject(value: bytes, error: Exception) -> None:
    """Keep what could not be read, as it was, with the reason."""
    meter.rejected += 1
    event = faust.current_event()
    await dead_letters.send(key=event.key, value=value, headers={"reason": str(error)[:200].encode()})


if __name__ == "__main__":
    app.main()
