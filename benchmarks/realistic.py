"""Records of realistic customers: those of the simulated shop after a year, and one heavy buyer."""

from __future__ import annotations

from itertools import islice

import numpy as np

from benchmarks.customers import Customers, by_topic
from benchmarks.workload import fixed_model
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine
from stream_seg.datasets.simulator import simulate

DISTINCT = 2_000
CHUNK = 2_000
YEAR_DAYS = 365
HALF_LIFE_S = 30 * DAY_S


def realistic_records(life: int, customers: int = DISTINCT) -> list[bytes]:
    """Return the records of `customers` of the simulated shop after a year, evaluated with the benchmarks' model.

    `life` is the epoch in which all of them are created.
    """
    shop, source = Customers(HALF_LIFE_S), iter(simulate(customers=customers, days=YEAR_DAYS, seed=1))
    while records := list(islice(source, CHUNK)):
        shop.open(record.key for record in records)
        for topic, of_one in by_topic(records).items():
            shop.absorb(topic, of_one)
    behavior = Behavior(model=ModelSnapshot.model_validate(fixed_model()).to_model())
    batch = shop.batch
    batch["life"][:] = life
    Engine(shop.engine.rules, behavior).step(batch, batch["last_seen"].copy())
    return batch.pack()


def heavy_record(life: int) -> bytes:
    """Return the record of a customer with 100 orders in a year, 128 remembered events and 30 traits."""
    engine, start = Engine(Customers(HALF_LIFE_S).engine.rules), 1_700_000_000.0
    customer = Customer(life)
    for number in range(100):
        items = [{"category": f"Category {number % 20}", "quantity": 2}]
        order = {"event_id": f"evt-{number:06d}", "order_id": f"ord-{number:06d}", "items": items}
        engine.absorb(customer, "purchases", number, order, start + number * 3.65 * DAY_S, 5000)
    last = start + 99 * 3.65 * DAY_S
    for number in range(128):
        view = {"event_id": f"view-{number:06d}", "type": "product_viewed", "channel": "web", "category": "Tea"}
        engine.absorb(customer, "interactions", number, view, last)
    for number in range(30):
        traits = {f"trait_{number:02d}": f"value {number}"}
        engine.absorb(
            customer, "profiles", number, {"event_id": f"t-{number:06d}", "type": "identify", "traits": traits}, last
        )
    return customer.pack()


def sizes(records: list[bytes]) -> tuple[float, float]:
    """Return the mean and the 99th percentile of the bytes of records."""
    lengths = np.fromiter(map(len, records), np.int64)
    return float(lengths.mean()), float(np.quantile(lengths, 0.99))
