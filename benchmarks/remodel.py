"""Re-evaluation of a large base under a new model: its duration, and the latency of live events meanwhile.

The customers are written to the changelog topic with their segments by the first model, and a worker recovers them.
Then events arrive at a steady rate, each of which moves a customer, and a second model with another border is
published. The latency before the second model is measured for comparison.
"""

from __future__ import annotations

import asyncio
import threading
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field

import numpy as np
from aiokafka import AIOKafkaProducer

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.latency import WARM_UP_S, Load, Pace
from benchmarks.memory import EPOCH, fill, mark
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import table
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import segment_id
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.feature_names import FEATURES
from stream_seg.kafka.append import append_snapshot
from stream_seg.settings import Settings

FEATURE = "spend_rate"
KINDS = 1_000  # distinct records
RATE = 1_000.0
TIMEOUT_S = 600.0
BUSY_AND_QUIET = 15.0 / 9.0  # seconds with the new model per second without
BORDERS = (0.50, 0.55)  # shares of customers below the border of the first and of the second model
APART = 6.0  # distance between the two centers, in log(1 + spend)
SPENT = ("stream_seg_stage_seconds_total", "stream_seg_group_seconds_count")
LIMITS = {"worker_cpu_s": 10.0, "p99_ms": 100.0}


@dataclass
class Remodelled:
    """The cost of re-evaluating all customers: wall and CPU seconds, and changes of segment."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    changes: int = 0
    spent: dict[str, float] = field(default_factory=dict)  # number of groups, and seconds by stage


@dataclass
class Stretch:
    """A period of steady events, with the latencies of their documents."""

    latencies_s: list[float]
    remodelled: Remodelled = field(default_factory=Remodelled)

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies_s, share) * 1000)


def customers_of(engine: Engine) -> tuple[list[bytes], list[float]]:
    """Return records of distinct customers who ordered recently, and the spend of each in 30 days."""
    rng, now = np.random.default_rng(1), time.time()
    records = []
    for number in range(KINDS):
        customer = engine.new_customer(EPOCH)
        for order in range(int(rng.integers(1, 12))):
            event = {"event_id": f"e-{number}-{order}", "order_id": f"o-{number}-{order}"}
            cents = int(rng.lognormal(8.0, 1.0))
            engine.absorb(customer, "purchases", order, event, now - float(rng.uniform(0, 60)) * DAY_S, cents)
        records.append(customer.pack())
    matrix = engine.features(records, np.full(KINDS, now))
    return records, matrix[:, FEATURES.index(FEATURE)].tolist()


def two_halves(version: int, border: float) -> ModelSnapshot:
    """Return a model of customers who spend less and who spend more than `border` in 30 days.

    Its learner state prevents new models while the bench runs.
    """
    middle = float(np.log1p(border))
    names = ("Small spenders", "Big spenders")
    return ModelSnapshot(
        version=version,
        parent=version - 1,
        created_at="2025-01-01T00:00:00Z",
        clock=time.time(),
        features=[FEATURE],
        log=[True],
        center=[0.0],
        scale=[1.0],
        centroids=[[middle - APART / 2], [middle + APART / 2]],
        segments=[{"id": segment_id(i), "name": name, "share": 0.5, "customers": 1} for i, name in enumerate(names)],
        learner={
            "format": 1,
            "clusters": 2,
            "customers_at_start": 10**9,
            "challenged_clock": time.time(),
            "published_clock": time.time(),
        },
        reason="benchmark",
    )


def placed(engine: Engine, records: list[bytes]) -> list[bytes]:
    """Return the records with each customer in its segment by the engine's model."""
    now = np.full(len(records), time.time())
    batch = engine.new_batch()
    batch.open([b"c-%d" % number for number in range(len(records))], records)
    engine.step(batch, now)
    return batch.pack()


async def publish(setup: Stand, settings: Settings, snapshot: ModelSnapshot) -> None:
    """Publish a model, as a learner would."""
    async with AIOKafkaProducer(bootstrap_servers=setup.broker.address) as producer:
        await append_snapshot(producer, settings.topic("segment-models"), snapshot, time.time())


def steady(setup: Stand, worker: Worker, pace: Pace, first: int, snapshot: ModelSnapshot | None) -> Stretch:
    """Send events at a steady pace, numbered from `first`. Publish a model meanwhile, if one is given."""
    load = Load(setup, pace, first)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()), daemon=True)
    thread.start()
    time.sleep(4 / 3 * pace.warm_up_s)
    remodelled = Remodelled() if snapshot is None else _remodel(setup, worker, snapshot)
    thread.join()
    return Stretch(load.latencies_s, remodelled)


def _remodel(setup: Stand, worker: Worker, snapshot: ModelSnapshot) -> Remodelled:
    """Publish a model and wait until all customers are re-evaluated."""
    before, counted = worker.child.usage(), worker.metrics()
    asyncio.run(publish(setup, Settings(), snapshot))

    def finished() -> bool:
        metrics = worker.metrics()
        done = not metrics["stream_seg_customers_to_reevaluate"]
        return done and metrics["stream_seg_model_version"] == snapshot.version

    worker.child.wait_for(finished, TIMEOUT_S, "all customers were re-evaluated")
    metrics, after = worker.metrics(), worker.child.usage()
    spent = {name: metrics[name] - counted[name] for name in metrics if name.startswith(SPENT)}
    changes = 'stream_seg_changes_total{dimension="behavior"}'
    return Remodelled(
        after.at_s - before.at_s, after.cpu_s - before.cpu_s, int(metrics[changes] - counted[changes]), spent
    )


def options(parser: ArgumentParser) -> None:
    """Add options for the number of customers, the broker and the duration of live events."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    # Complete rounds of orders and refunds, including the warm-up, so that the second period starts with orders.
    parser.add_argument("--quiet", type=float, default=9.0, metavar="S", help="seconds before the new model")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, metavar="S", help="seconds before those")
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Measure CPU seconds for all customers and milliseconds of live events. `ok` is True within the limits."""
    settings = Settings()
    quiet = Pace(RATE, given.quiet, given.warm_up)
    busy = quiet._replace(seconds=BUSY_AND_QUIET * given.quiet)
    behavior = Behavior()
    engine = Engine(Rules(Decay(settings.half_life_s)), behavior)
    records, spends = customers_of(engine)
    first, second = (two_halves(version, float(np.quantile(spends, BORDERS[version - 1]))) for version in (1, 2))
    behavior.use(first.to_model())
    with stand(None, given.broker, SEGMENTS="2", FEATURES=FEATURE, MARGIN="0", DWELL="0") as setup:
        asyncio.run(mark(setup, settings.partitions))
        asyncio.run(publish(setup, settings, first))
        asyncio.run(fill(setup, given.customers, settings.partitions, placed(engine, records)))
        with Worker(setup) as worker:
            worker.wait_ready(600.0)
            before = steady(setup, worker, quiet, 0, None)
            during = steady(setup, worker, busy, quiet.events, second)
    remodelled = during.remodelled
    figures: dict[str, object] = {
        "broker": given.broker,
        "customers": given.customers,
        "moved": remodelled.changes,
        "seconds": remodelled.seconds,
        "worker_cpu_s": remodelled.cpu_s,  # including the live events
        "p50_ms_before": before.percentile(50),
        "p99_ms_before": before.percentile(99),
        "p50_ms": during.percentile(50),
        "p99_ms": during.percentile(99),
    }
    figures["ok"] = all(float(str(figures[name])) <= limit for name, limit in LIMITS.items())
    groups = remodelled.spent.pop("stream_seg_group_seconds_count")
    rows = [[name.split('"')[1], 1000 * seconds / groups] for name, seconds in remodelled.spent.items()]
    print(table([f"stage of {groups:.0f} groups", "mean ms"], rows))
    print()
    print(table(["a new model on a big base", "value"], [[name, value] for name, value in figures.items()]))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "broker", "customers", "moved", "seconds", "worker_cpu_s", "p50_ms_before", "p99_ms_before", "p50_ms", "p99_ms",
        "ok",
    ),
    smoke={"customers": 1_000, "quiet": 1.5, "warm_up": 0.5},
)  # fmt: skip
