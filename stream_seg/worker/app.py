"""The Faust application: agents, table, rebalances and timers, wired to one pipeline. Nothing is made at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any, Final

import faust
from faust.stores import STORES
from faust.types import TP

from stream_seg.addresses import Addresses
from stream_seg.cache.port import Cache
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.currencies import minor_per_major
from stream_seg.contracts.model import ModelSnapshot, load_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.core.transitions import Hysteresis
from stream_seg.kafka.append import PublishSnapshot, append_snapshot
from stream_seg.kafka.broker import Broker
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.drift import DriftPolicy
from stream_seg.learning.publishing.gate import UNUSABLE
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import MEMORY, Settings

from .checkpoint.absorb import Absorber
from .checkpoint.cache_sync import CacheSync
from .checkpoint.decide import Decider
from .checkpoint.loop import Checkpoint
from .faust.lease import HeartbeatLease
from .faust.producer import aiokafka_producer
from .faust.settings import make_faust
from .faust.transport import BatchTransport
from .models.active import Models
from .models.drift_reports import DriftReports
from .models.feed import ModelFeed, OnSnapshot
from .models.learning_agent import LearningAgent
from .models.samples import Sampling
from .partitions.disk import Databases
from .partitions.ownership import Ends, OwnedPartition
from .pipeline import Pipeline

STORES.aliases["by-partition"] = "stream_seg.worker.faust.table_store:PartitionedStore"

TEND_EVERY_S: Final = 0.1


@dataclass(slots=True)
class Application:
    """A Faust app and the parts that health checks and metrics look at."""

    faust: faust.App
    pipeline: Pipeline
    lease: HeartbeatLease
    feed: ModelFeed
    models: Models
    mirror: CacheSync
    metrics: Metrics
    engine: Engine

    async def stop(self) -> None:
        """Write what is in flight, leave nothing pending, and disconnect."""
        await self.pipeline.stop()
        await self.feed.stop()
        await self.mirror.close()


def build_app(settings: Settings, addresses: Addresses, metrics: Metrics, cache: Cache | None = None) -> Application:
    """Make the application of one worker. Connects to nothing until Faust starts it.

    Raises ValueError where settings name a model, a currency or a rate that cannot be used.
    """
    pinned = load_snapshot(settings.model) if settings.model is not None else None
    broker = addresses.broker
    app = make_faust(settings, broker)
    fetch_wait_ms = settings.fetch_wait_ms or broker.fetch_wait_ms
    transport = BatchTransport(app.conf.broker_consumer, app, broker=broker, fetch_wait_ms=fetch_wait_ms)
    app.transport = transport
    table = _customers_table(app, settings, metrics)

    def producer() -> Any:
        return aiokafka_producer(app)

    async def publish(snapshot: ModelSnapshot) -> None:
        await append_snapshot(producer(), settings.topic("segment-models"), snapshot, time())

    def on_snapshot(snapshot: ModelSnapshot, in_force: bool) -> None:
        if models.take(snapshot, in_force):
            pipeline.model_changed()

    def ended(topic: str, partition: int) -> bool:
        end = app.consumer.highwater(TP(settings.topic(topic), partition))
        return pipeline.checkpoint.owned[partition].read_to_end(topic, end)

    def behind() -> int:
        if models.learned and settings.clock == "stream":
            return 0  # samples are drawn between groups, and a second of a replay may be a month: see the days in it
        return sum(
            held.behind(name, app.consumer.highwater(TP(settings.topic(name), number)))
            for number, held in pipeline.checkpoint.owned.items()
            for name in TOPICS
        )

    def now(held: OwnedPartition) -> float:
        return held.clock(ended) if settings.clock == "stream" else time()

    engine = Engine(_rules(settings))
    lease = HeartbeatLease(app.conf.broker_session_timeout, lambda: transport.last_heartbeat)
    cache = cache or CacheWriter.from_url(addresses.redis_url, settings.redis_prefix, settings.app_id)
    mirror = CacheSync(cache, engine, metrics, time)
    decider = Decider(engine, settings.clock == "stream", f"/stream-seg/{settings.app_id}", ended)
    absorber = Absorber(settings, engine, metrics, time)
    checkpoint = Checkpoint(settings, absorber, decider, mirror, lease, metrics, time, producer, behind)
    feed = _model_feed(settings, broker, on_snapshot, metrics)
    models = Models(engine, feed, mirror, metrics, pinned, publish)
    policy = _policy(settings)
    sampling = Sampling(engine, settings, policy, now, producer, metrics)
    pipeline = Pipeline(engine, checkpoint, models, sampling, lambda: table.data, time, metrics)
    made = Application(app, pipeline, lease, feed, models, mirror, metrics, engine)
    _wire(made, settings, transport)
    if models.learned:
        _wire_learning(made, settings, policy, publish, producer)
    return made


def _databases(settings: Settings) -> Databases | None:
    """Where customers live on disk, if the settings say so; a directory for each application and partition."""
    if settings.store == MEMORY:
        return None
    return Databases(settings.data_dir / "store" / settings.app_id)


def _customers_table(app: faust.App, settings: Settings, metrics: Metrics) -> faust.Table[bytes, bytes]:
    return app.Table(
        "customers",
        partitions=settings.partitions,
        store="by-partition://customers",
        options={"databases": _databases(settings), "replayed": metrics.changelog_replayed.inc},
        key_type=bytes,
        value_type=bytes,
        # Events that recovery gathers before it applies them; ours are batches. (1 means something else to Faust.)
        recovery_buffer_size=2,
    )


def _model_feed(settings: Settings, broker: Broker, on_snapshot: OnSnapshot, metrics: Metrics) -> ModelFeed:
    return ModelFeed(
        broker,
        settings.topic("segment-models"),
        on_snapshot,
        on_unusable=metrics.models_refused.labels(UNUSABLE).inc,
    )


def _rules(settings: Settings) -> Rules:
    return Rules(
        decay=Decay(settings.half_life_s),
        hysteresis=Hysteresis(settings.margin, settings.dwell if settings.margin else 0.0),
        recent_events=settings.dedup_events,
        minor_per_major=float(minor_per_major(settings.currency)),
    )


def _policy(settings: Settings) -> LearnerPolicy:
    """In a replay the first model may wait a half-life; people who watch live traffic want one at once."""
    half_life_s = settings.half_life_s
    warm_up_s = half_life_s if settings.clock == "stream" else 0.0
    return LearnerPolicy(features=settings.features, warm_up_s=warm_up_s)


def _wire(made: Application, settings: Settings, transport: BatchTransport) -> None:
    app, pipeline = made.faust, made.pipeline
    inputs = {settings.topic(name): name for name in TOPICS}
    topic = app.topic(*inputs, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def customers(stream: Any) -> None:
        async for event in stream.noack().events():
            await pipeline.take_in(event)

    app.agent(topic, name="customers")(customers)

    async def revoked(app: faust.App, revoked: Any, **_: Any) -> None:
        await pipeline.revoke()

    async def ask_ends() -> dict[int, Ends]:
        owned = [tp for tp in app.consumer.assignment() if tp.topic in inputs or tp.topic == settings.changelog]
        found = await app.consumer.highwaters(*owned) if owned else {}
        return {
            tp.partition: Ends({name: found[TP(topic, tp.partition)] for topic, name in inputs.items()}, end)
            for tp, end in found.items()
            if tp.topic == settings.changelog
        }

    async def complete(app: faust.App, **_: Any) -> None:
        await pipeline.assign(transport.counted_in, ask_ends)

    async def stop(app: faust.App, **_: Any) -> None:
        await made.stop()

    app.on_before_shutdown.connect(stop, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_rebalance_complete.connect(complete, weak=False)

    async def follow_models() -> None:
        await made.feed.follow()

    async def write_groups() -> None:
        # Faust's monitor keeps figures that nobody reads here, for 5 % of the CPU.
        app.sensors.remove(app.monitor)
        await pipeline.checkpoint.run()

    async def tend() -> None:
        await pipeline.tend()

    app.task(follow_models)
    app.task(write_groups)
    app.timer(interval=TEND_EVERY_S)(tend)


def _wire_learning(
    made: Application, settings: Settings, policy: LearnerPolicy, publish: PublishSnapshot, producer: Callable[[], Any]
) -> None:
    app = made.faust
    drift = DriftReports(
        DriftPolicy.for_half_life(settings.half_life_s), settings.topic("segment-drift"), producer, time, made.metrics
    )
    agent = LearningAgent(settings.segments, policy, made.feed, publish, time, made.metrics, drift)
    topic = app.topic(
        settings.topic("segment-samples"),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def learn(stream: Any) -> None:
        async for event in stream.events():
            await agent.learn([record.value for record in event.value.records])

    app.agent(topic, name="learner")(learn)

    async def forget(app: faust.App, revoked: Any, **_: Any) -> None:
        agent.forget()

    app.on_partitions_revoked.connect(forget, weak=False)
