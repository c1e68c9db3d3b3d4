"""W1: a million seeded shop events of 100,000 customers, as they lie in the topics before a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

PURCHASES = "purchases"
INTERACTIONS = "interactions"
TOPICS = (PURCHASES, INTERACTIONS)

START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z, long past, so that no event is "in the future"
DAY_MS = 86_400_000
BATCH_BYTES = 500_000

PRODUCT, CATEGORY, PLAIN = "product", "category", "plain"
# (name, subject, weight): a shop's usual mix. Only some kinds name a product, and only those need one.
KINDS = (
    ("product_viewed", PRODUCT, 24),
    ("product_clicked", PRODUCT, 9),
    ("products_searched", CATEGORY, 10),
    ("product_added", PRODUCT, 7),
    ("product_removed", PRODUCT, 2),
    ("cart_viewed", PLAIN, 6),
    ("checkout_started", PLAIN, 4),
    ("wishlist_added", PRODUCT, 2),
    ("coupon_redeemed", PLAIN, 1),
    ("campaign_received", PLAIN, 8),
    ("email_opened", PLAIN, 5),
    ("email_clicked", PLAIN, 2),
    ("page_viewed", PLAIN, 19),
    ("review_posted", PRODUCT, 0.5),
    ("support_contacted", PLAIN, 0.5),
)
CATEGORIES = ("grocery", "garden", "home", "toys", "books", "shoes", "sports", "beauty", "music", "office")
CHANNELS = ("web", "app", "store", "email")
CHANNEL_SHARES = (0.5, 0.3, 0.15, 0.05)

# The five ways to be malformed. An interaction has no amount or currency, so it is broken in another field.
NOT_JSON = "not_json"
NO_CUSTOMER = "missing_customer_id"
BAD_AMOUNT = "absurd_amount_or_empty_event_id"
NO_OFFSET = "time_without_offset"
BAD_CURRENCY = "unknown_currency_or_empty_customer_id"
WAYS = (NOT_JSON, NO_CUSTOMER, BAD_AMOUNT, NO_OFFSET, BAD_CURRENCY)

# Six fixed centers, found once by k-means over the final customers of W1, so that the work is the same every run.
MODEL_FEATURES = ("order_rate", "spend_rate", "basket_value", "recency_days", "browse_rate", "refund_share")
CENTER = (0.294, 1.44, 1.52, 1.443, 0.832, 0.004)
SCALE = (0.479, 1.779, 1.784, 1.572, 0.657, 0.1)
# name, customers of W1 in it, center in scaled space, medians in human units
SEGMENTS = (
    ("Passers-by", 22877, (-0.612, -0.809, -0.851, -0.883, -0.437, -0.036), (0.0, 0.0, 0.0, 0.0, 0.69, 0.0)),
    ("Returning browsers", 18336, (-0.606, -0.806, -0.845, 1.134, 0.127, 0.031), (0.0, 0.0, 0.0, 28.37, 1.26, 0.0)),
    ("New buyers", 14350, (0.627, 1.015, 1.089, -0.871, -0.689, -0.03), (0.69, 24.3, 30.53, 0.0, 0.36, 0.0)),
    ("Lapsing buyers", 12541, (0.267, 0.759, 1.088, 0.99, 0.31, -0.004), (0.49, 14.91, 30.46, 21.49, 1.55, 0.0)),
    ("Regulars", 4215, (1.9, 1.628, 1.139, -0.09, 2.101, 0.14), (2.17, 77.09, 33.45, 2.88, 7.28, 0.0)),
    ("Devotees", 771, (5.833, 2.858, 1.13, -0.577, 5.487, 0.171), (15.63, 560.52, 33.43, 0.4, 57.61, 0.02)),
)

Record = tuple[bytes, bytes]
Partition = tuple[str, int]


@dataclass(frozen=True)
class Spec:
    """Parameters of the generator. The defaults are W1. Shares are of all events, `refund_share` of the purchases."""

    events: int = 1_000_000
    customers: int = 100_000
    zipf_s: float = 1.05
    partitions: int = 8
    days: int = 60
    purchase_share: float = 0.2
    refund_share: float = 0.02
    late_share: float = 0.02
    malformed_share: float = 0.001
    seed: int = 20_250_101


W1 = Spec()


@dataclass(frozen=True)
class Malformed:
    """The place of a malformed record (its offset once preloaded into empty topics), and its way in `WAYS`."""

    topic: str
    partition: int
    offset: int
    way: str


@dataclass(frozen=True)
class Workload:
    """Records by (topic, partition), in the order of their offsets. Keys are customer ids in UTF-8."""

    spec: Spec
    records: Mapping[Partition, list[Record]]
    malformed: list[Malformed]

    @property
    def events(self) -> int:
        """Return the number of all records, including malformed ones."""
        return sum(map(len, self.records.values()))

    @property
    def accepted(self) -> int:
        """Return the number of records that a consumer should absorb."""
        return self.events - len(self.malformed)

    @property
    def value_bytes(self) -> int:
        """Return the bytes of all values."""
        return sum(len(value) for records in self.records.values() for _, value in records)


def fixed_model() -> dict[str, Any]:
    """Return the six centers as a model snapshot in JSON form (`STREAM_SEG_MODEL` names a file of it)."""
    customers = sum(size for _, size, _, _ in SEGMENTS)
    return {
        "version": 1,
        "parent": 0,
        "dimension": "behavior",
        "created_at": "2025-03-02T00:00:00Z",
        "clock": START_MS / 1000 + 60 * 86_400.0,
        "features": list(MODEL_FEATURES),
        "log": [name != "refund_share" for name in MODEL_FEATURES],
        "center": list(CENTER),
        "scale": list(SCALE),
        "centroids": [list(centre) for _, _, centre, _ in SEGMENTS],
        "segments": [
            {
                "id": f"b{index}",
                "name": name,
                "share": size / customers,
                "customers": size,
                "features": dict(zip(MODEL_FEATURES, medians, strict=True)),
            }
            for index, (name, size, _, medians) in enumerate(SEGMENTS)
        ],
        "learner": {},
        "reason": "fixed centres of the benchmark",
        "schema_version": 1,
    }


def java_partition(key: bytes, partitions: int) -> int:
    """Return the partition that the Java client's default partitioner gives `key`."""
    return int((murmur2(key) & 0x7FFF_FFFF) % partitions)


def generate(spec: Spec = W1) -> Workload:
    """Return the workload of `spec`: the same records for the same spec, every time (about 5 s for W1).

    No event id repeats. A refund takes back the full amount of the customer's latest purchase, so a program that
    remembers one order per customer can find it.
    """
    return _Generator(spec).run()


class _Generator:
    """Draw all random numbers as columns first, then create the records in one pass."""

    def __init__(self, spec: Spec) -> None:
        rng = np.random.default_rng(spec.seed)
        n = spec.events
        self.spec = spec
        self.customer = _zipf_customers(rng, spec).tolist()
        self.is_purchase = (rng.random(n) < spec.purchase_share).tolist()
        arrived_ms = START_MS + np.sort(rng.integers(0, spec.days * DAY_MS, n))
        delay_ms = np.where(rng.random(n) < spec.late_share, rng.integers(1, DAY_MS, n), 0)
        self.on_time = _rfc3339(arrived_ms)
        self.occurred_at = _rfc3339(arrived_ms - delay_ms)
        self.refund_due = (rng.random(n) < spec.refund_share).tolist()
        basket_scale = rng.lognormal(0.0, 0.6, spec.customers)
        cents = 3_000 * basket_scale[self.customer] * rng.lognormal(0.0, 0.5, n)
        self.cents = np.maximum(cents.astype(np.int64), 50).tolist()
        weights = np.array([weight for _, _, weight in KINDS], dtype=float)
        self.kind = rng.choice(len(KINDS), n, p=weights / weights.sum()).tolist()
        self.channel = rng.choice(len(CHANNELS), n, p=CHANNEL_SHARES).tolist()
        self.product = rng.integers(0, 5_000, n).tolist()
        broken = rng.choice(n, round(n * spec.malformed_share), replace=False).tolist()
        self.way = {int(position): WAYS[i % len(WAYS)] for i, position in enumerate(broken)}
        self.open_order: dict[int, tuple[str, str]] = {}
        self.refunds_due = 0

    def run(self) -> Workload:
        ids = [f"c-{number:06d}" for number in range(self.spec.customers)]
        keys = [customer_id.encode() for customer_id in ids]
        home = [java_partition(key, self.spec.partitions) for key in keys]
        records: dict[Partition, list[Record]] = {
            (topic, partition): [] for topic in TOPICS for partition in range(self.spec.partitions)
        }
        malformed: list[Malformed] = []
        for i, number in enumerate(self.customer):
            topic = PURCHASES if self.is_purchase[i] else INTERACTIONS
            value = self._purchase(i, ids[number]) if self.is_purchase[i] else self._interaction(i, ids[number])
            into = records[topic, home[number]]
            if i in self.way:
                malformed.append(Malformed(topic, home[number], len(into), self.way[i]))
                value = break_value(value, self.way[i])
            into.append((keys[number], value.encode()))
        return Workload(self.spec, records, malformed)

    def _purchase(self, i: int, customer_id: str) -> str:
        number = self.customer[i]
        self.refunds_due += self.refund_due[i]
        if self.refunds_due and number in self.open_order and i not in self.way:
            self.refunds_due -= 1
            kind, when = "order_refunded", self.on_time[i]  # a late one could precede its order
            order_id, amount = self.open_order.pop(number)
        else:
            kind, when = "order_completed", self.occurred_at[i]
            order_id, amount = f"o-{i:07d}", f"{self.cents[i] // 100}.{self.cents[i] % 100:02d}"
            if i not in self.way:
                self.open_order[number] = (order_id, amount)
        return (
            f'{{"event_id":"e-{i:07d}","customer_id":"{customer_id}","type":"{kind}","occurred_at":"{when}",'
            f'"order_id":"{order_id}","amount":{amount},"currency":"USD","channel":"{CHANNELS[self.channel[i]]}"}}'
        )

    def _interaction(self, i: int, customer_id: str) -> str:
        kind, about, _ = KINDS[self.kind[i]]
        product = self.product[i]
        subject = "" if about == PLAIN else f'"category":"{CATEGORIES[product % len(CATEGORIES)]}",'
        if about == PRODUCT:
            subject = f'"product_id":"p-{product:04d}",{subject}'
        return (
            f'{{"event_id":"e-{i:07d}","customer_id":"{customer_id}","type":"{kind}",'
            f'"occurred_at":"{self.occurred_at[i]}",{subject}"channel":"{CHANNELS[self.channel[i]]}"}}'
        )


def _zipf_customers(rng: np.random.Generator, spec: Spec) -> NDArray[np.int64]:
    """Return customer numbers (events,): ranks from a Zipf law bounded at `customers`, permuted so that rank is not
    id.
    """
    weights = np.arange(1, spec.customers + 1, dtype=float) ** -spec.zipf_s
    cumulative = np.cumsum(weights)
    ranks = np.searchsorted(cumulative, rng.random(spec.events) * cumulative[-1], side="right")
    numbers: NDArray[np.int64] = rng.permutation(spec.customers)[ranks]
    return numbers


def _rfc3339(epoch_ms: NDArray[np.int64]) -> list[str]:
    texts: list[str] = np.datetime_as_string(epoch_ms.astype("datetime64[ms]"), timezone="UTC").tolist()
    return texts


def break_value(value: str, way: str) -> str:
    """Return an event's JSON, malformed in one of `WAYS`."""
    if way == NOT_JSON:
        return value[: len(value) // 2]
    if way == NO_CUSTOMER:
        head, _, tail = value.partition('"customer_id":')
        return head + tail.partition(",")[2]
    if way == NO_OFFSET:
        return value.replace('Z",', '",', 1)
    if way == BAD_AMOUNT and '"amount"' in value:
        return value.replace('"amount":', '"amount":-99999999', 1)  # a negative one alone is a return
    if way == BAD_AMOUNT:
        return _field(value, "event_id", '""')
    return _field(value, "currency", '"ZZZ"') if '"currency"' in value else _field(value, "customer_id", '""')


def _field(value: str, name: str, replacement: str) -> str:
    head, field, tail = value.partition(f'"{name}":')
    return f"{head}{field}{replacement},{tail.partition(',')[2]}"


async def preload(bootstrap: str, workload: Workload, names: Mapping[str, str] | None = None) -> None:
    """Write the workload into the broker, create missing topics, and return when all is acknowledged.

    `names` maps "purchases" and "interactions" to the topics to write (themselves by default). The topics should be
    empty, because `Malformed.offset` counts from 0.
    """
    names = names or {topic: topic for topic in TOPICS}
    await create_topics(bootstrap, [names[topic] for topic in TOPICS], workload.spec.partitions)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=4 * BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    try:
        await asyncio.gather(
            *(
                _write(producer, names[topic], partition, records)
                for (topic, partition), records in workload.records.items()
            )
        )
    finally:
        await producer.stop()


async def _write(producer: AIOKafkaProducer, topic: str, partition: int, records: list[Record]) -> None:
    written = 0
    while written < len(records):
        batch = producer.create_batch()
        while written < len(records):
            key, value = records[written]
            if batch.append(key=key, value=value, timestamp=None) is None:
                break
            written += 1
        batch.close()
        await (await producer.send_batch(batch, topic, partition=partition))


async def create_topics(bootstrap: str, names: list[str], partitions: int) -> None:
    """Create the topics that do not exist, one replica each."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for name in names:
            try:
                await admin.create_topics([NewTopic(name, partitions, 1)])
            except TopicAlreadyExistsError:
                pass
    finally:
        await admin.close()
