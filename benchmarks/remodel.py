"""Re-evaluation of a large base under a new model: its duration, and the latency of live events meanwhile.

The customers are put into the changelog topic, each in the segment where the first model has it, and a worker
recovers them. Then events come at a steady rate, each of which moves somebody, and a second model is published whose
border lies elsewhere. Beside them stand the same events before it.
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
from stream_seg.core.dimensions.behavior import segment_id
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.features import FEATURES
from stream_seg.kafka.append import append_snapshot
from stream_seg.settings import Settings

FEATURE = "spend_rate"
KINDS = 1_000  # different records
RATE = 1_000.0
TIMEOUT_S = 600.0
BUSY_AND_QUIET = 15.0 / 9.0  # seconds with the new model per second without
BORDERS = (0.50, 0.55)  # shares of customers below the border of the first and of the second model
APART = 6.0  # between the two centres, in log(1 + spend)
SPENT = ("stream_seg_stage_seconds_total", "stream_seg_group_seconds_count")
LIMITS = {"worker_cpu_s": 10.0, "p99_ms": 100.0}


@dataclass
class Remodelled:
    """Re-evaluation of all customers: wall and CPU seconds, and changes of segment."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    changes: int = 0
    spent: dict[str, float] = field(default_factory=dict)  # groups, and seconds by stage


@dataclass
class Stretch:
    """A period of steady events, and the delay of their documents."""

    latencies_s: list[float]
    remodelled: Remodelled = field(default_factory=Remodelled)

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies, milliseconds."""
        return float(np.percentile(self.latencies_s, share) * 1000)


def customers_of(engine: Engine) -> tuple[list[bytes], list[float]]:
    """Return records of different customers with a recent order, and each one's spend in 30 days."""
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
    """Return a model of customers below and above `border` of spend in 30 days.

    Its learner has no reason to publish another, so nothing is learned while the bench runs.
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
    """Return the records, with each customer in the segment of the engine's model."""
    now = np.full(len(records), time.time())
    moves = engine.evaluate(records, now)
    out = []
    for record, why in zip(records, engine.explain(moves), strict=True):
        customer = engine.open(record)
        engine.move(b"c", customer, why)
        customer.as_of = why.at
        out.append(customer.pack())
    return out


async def publish(made: Stand, settings: Settings, snapshot: ModelSnapshot) -> None:
    """Publish a model, as a learner would."""
    async with AIOKafkaProducer(bootstrap_servers=made.broker.address) as producer:
        await append_snapshot(producer, settings.topic("segment-models"), snapshot, time.time())


def steady(made: Stand, worker: Worker, pace: Pace, first: int, snapshot: ModelSnapshot | None) -> Stretch:
    """Send events at a steady pace, numbered from `first`, and publish a model meanwhile if there is one."""
    load = Load(made, pace, first)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()), daemon=True)
    thread.start()
    time.sleep(4 / 3 * pace.warm_up_s)
    remodelled = Remodelled() if snapshot is None else _remodel(made, worker, snapshot)
    thread.join()
    return Stretch(load.latencies_s, remodelled)


def _remodel(made: Stand, worker: Worker, snapshot: ModelSnapshot) -> Remodelled:
    """Publish a model and wait until all customers are re-evaluated."""
    before, begun = worker.child.usage(), worker.metrics()
    asyncio.run(publish(made, Settings(), snapshot))

    def finished() -> bool:
        told = worker.metrics()
        return told["stream_seg_model_version"] == snapshot.version and not told["stream_seg_customers_to_reevaluate"]

    worker.child.wait_for(finished, TIMEOUT_S, "all customers were looked at")
    told, after = worker.metrics(), worker.child.usage()
    spent = {name: told[name] - begun[name] for name in told if name.startswith(SPENT)}
    changes = 'stream_seg_changes_total{dimension="behavior"}'
    return Remodelled(after.at_s - before.at_s, after.cpu_s - before.cpu_s, int(told[changes] - begun[changes]), spent)


def options(parser: ArgumentParser) -> None:
    """Add the options: number of customers, the broker, and the observation time of live events."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    # Complete pairs of orders and refunds, including the warm-up, so that the second period begins with orders again.
    parser.add_argument("--quiet", type=float, default=9.0, metavar="S", help="seconds before the new model")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, metavar="S", help="seconds before those")
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Return CPU seconds for all customers, and milliseconds of live events. `ok` means that the limits are met."""
    settings = Settings()
    quiet = Pace(RATE, given.quiet, given.warm_up)
    busy = quiet._replace(seconds=BUSY_AND_QUIET * given.quiet)
    engine = Engine(Rules(Decay(settings.half_life_s), recent_events=settings.dedup_events))
    records, spends = customers_of(engine)
    first, second = (two_halves(version, float(np.quantile(spends, BORDERS[version - 1]))) for version in (1, 2))
    engine.use(first.to_model())
    with stand(None, given.broker, SEGMENTS="2", FEATURES=FEATURE, MARGIN="0", DWELL="0") as made:
        asyncio.run(mark(made, settings.partitions))
        asyncio.run(publish(made, settings, first))
        asyncio.run(fill(made, given.customers, settings.partitions, placed(engine, records)))
        with Worker(made) as worker:
            worker.wait_ready(600.0)
            before = steady(made, worker, quiet, 0, None)
            during = steady(made, worker, busy, quiet.events, second)
    told = during.remodelled
    figures: dict[str, object] = {
        "broker": given.broker,
        "customers": given.customers,
        "moved": told.changes,
        "seconds": told.seconds,
        "worker_cpu_s": told.cpu_s,  # including the live events
        "p50_ms_before": before.percentile(50),
        "p99_ms_before": before.percentile(99),
        "p50_ms": during.percentile(50),
        "p99_ms": during.percentile(99),
    }
    figures["ok"] = all(float(str(figures[name])) <= limit for name, limit in LIMITS.items())
    groups = told.spent.pop("stream_seg_group_seconds_count")
    rows = [[name.split('"')[1], 1000 * seconds / groups] for name, seconds in told.spent.items()]
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
