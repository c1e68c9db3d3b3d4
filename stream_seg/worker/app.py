"""The Faust application of a worker: agents, table, rebalances and timers, wired to one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import faust
from faust.stores import STORES
from faust.types import TP

from stream_seg.addresses import Addresses
from stream_seg.cache.port import Cache
from stream_seg.cache.writer import CacheWriter
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.currencies import minor_per_major
from stream_seg.contracts.model import ModelSnapshot, load_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.base import Dimension
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import Hysteresis
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.append import PublishSnapshot, append_snapshot
from stream_seg.kafka.broker import Broker
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.drift import DriftPolicy
from stream_seg.learning.publishing.gate import UNUSABLE
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import MEMORY, Settings

from .checkpoint.absorb import Absorber
from .checkpoint.cache_sync import CacheSync
from .checkpoint.changelog_writer import ChangelogWriter
from .checkpoint.decide import Decider
from .checkpoint.effects import Effects
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
from .partitions.assignment import HighWatermark, Partitions
from .partitions.disk import Databases
from .partitions.progress import Ends
from .pipeline import Pipeline, Rebalances

STORES.aliases["by-partition"] = "stream_seg.worker.faust.table_store:PartitionedStore"

TEND_EVERY_S: Final = 0.1


@dataclass(slots=True)
class Application:
    """A Faust app, and the parts that health checks and metrics read."""

    faust: faust.App
    behavior: Behavior
    partitions: Partitions
    cache_sync: CacheSync
    lease: HeartbeatLease
    models: Models
    feed: ModelFeed
    pipeline: Pipeline
    rebalances: Rebalances
    metrics: Metrics
    clock: Clock

    async def stop(self) -> None:
        """Write the group in flight, leave no change pending, and disconnect."""
        await self.rebalances.stop()
        await self.feed.stop()
        await self.cache_sync.close()


def build_app(
    settings: Settings,
    addresses: Addresses,
    metrics: Metrics,
    cache: Cache | None = None,
    clock: Clock = SYSTEM_CLOCK,
    dimensions: Sequence[Dimension] = (),
) -> Application:
    """Return the application of one worker. It connects to nothing until Faust starts it.

    `dimensions` are evaluated besides the built-in ones.

    Raises ValueError when a setting names a model, a currency or a rate that cannot be used.
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
        await append_snapshot(producer(), settings.topic("segment-models"), snapshot, clock.wall())

    behavior = Behavior(Hysteresis(settings.margin, settings.dwell if settings.margin else 0.0))
    rules = Rules(Decay(settings.half_life_s), float(minor_per_major(settings.currency)))
    engine = Engine(rules, behavior, *dimensions)
    partitions = Partitions(settings, _high_watermark(app, settings), clock)
    cache = cache or CacheWriter.from_url(addresses.redis_url, settings.redis_prefix, settings.app_id)
    lease = HeartbeatLease(app.conf.broker_session_timeout, lambda: transport.last_heartbeat)
    changelog = ChangelogWriter(settings, producer, lease, metrics, clock)
    cache_sync = CacheSync(cache, engine, changelog.renew, metrics, clock)
    absorber = Absorber(settings, metrics, clock)
    decider = Decider(engine, partitions, f"/stream-seg/{settings.app_id}")
    effects = Effects(settings, producer, changelog, cache_sync, metrics, clock)
    checkpoint = Checkpoint(partitions, absorber, decider, effects, metrics, clock)
    policy = _policy(settings)
    sampling = Sampling(engine, behavior, settings, policy, partitions.now, producer, metrics, clock)
    models = Models(behavior, cache_sync, metrics, pinned, publish)
    pipeline = Pipeline(checkpoint, models, sampling, clock)
    feed = _model_feed(settings, broker, pipeline.take_model, metrics)
    rebalances = Rebalances(checkpoint, models, feed, lambda: table.data, metrics, clock)
    application = Application(
        app, behavior, partitions, cache_sync, lease, models, feed, pipeline, rebalances, metrics, clock
    )
    _wire(application, settings, transport)
    if models.learned:
        _wire_learning(application, settings, policy, publish, producer)
    return application


def _high_watermark(app: faust.App, settings: Settings) -> HighWatermark:
    """Return a function that asks the consumer for the end of an input topic. The app has its consumer once started."""

    def high_watermark(topic: str, partition: int) -> int | None:
        end: int | None = app.consumer.highwater(TP(settings.topic(topic), partition))
        return end

    return high_watermark


def _databases(settings: Settings) -> Databases | None:
    """Return the directory of the partitions' databases, None when the settings keep customers in memory."""
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
        # Recovery collects this many Faust events before it applies them. Ours are batches. Faust treats 1 specially.
        recovery_buffer_size=2,
    )


def _model_feed(settings: Settings, broker: Broker, on_snapshot: OnSnapshot, metrics: Metrics) -> ModelFeed:
    return ModelFeed(
        broker,
        settings.topic("segment-models"),
        on_snapshot,
        on_unusable=metrics.models_refused.labels(UNUSABLE).inc,
    )


def _policy(settings: Settings) -> LearnerPolicy:
    """Return the learner's policy.

    In a replay the first model may wait for a half-life of events. With live traffic, operators want a model at once.
    """
    half_life_s = settings.half_life_s
    warm_up_s = half_life_s if settings.clock == "stream" else 0.0
    return LearnerPolicy(features=settings.features, warm_up_s=warm_up_s)


def _wire(application: Application, settings: Settings, transport: BatchTransport) -> None:
    """Connect the parts of an application to Faust's agent, signals, tasks and timers."""
    app, pipeline, rebalances = application.faust, application.pipeline, application.rebalances
    inputs = {settings.topic(name): name for name in TOPICS}
    topic = app.topic(*inputs, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def customers(stream: Any) -> None:
        async for event in stream.noack().events():
            await pipeline.take_in(event)

    app.agent(topic, name="customers")(customers)

    async def revoked(app: faust.App, revoked: Any, **_: Any) -> None:
        await rebalances.revoke()

    async def ask_ends() -> dict[int, Ends]:
        owned = [tp for tp in app.consumer.assignment() if tp.topic in inputs or tp.topic == settings.changelog]
        found = await app.consumer.highwaters(*owned) if owned else {}
        return {
            tp.partition: Ends({name: found[TP(topic, tp.partition)] for topic, name in inputs.items()}, end)
            for tp, end in found.items()
            if tp.topic == settings.changelog
        }

    async def complete(app: faust.App, **_: Any) -> None:
        await rebalances.assign(transport.counted_in, ask_ends)

    async def stop(app: faust.App, **_: Any) -> None:
        await application.stop()

    app.on_before_shutdown.connect(stop, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_rebalance_complete.connect(complete, weak=False)

    async def follow_models() -> None:
        await application.feed.follow()

    async def write_groups() -> None:
        # Faust's monitor collects figures that this worker does not use, and takes 5 % of the CPU.
        app.sensors.remove(app.monitor)
        await pipeline.checkpoint.run()

    async def tend() -> None:
        await pipeline.tend()

    app.task(follow_models)
    app.task(write_groups)
    app.timer(interval=TEND_EVERY_S)(tend)


def _wire_learning(
    application: Application,
    settings: Settings,
    policy: LearnerPolicy,
    publish: PublishSnapshot,
    producer: Callable[[], Any],
) -> None:
    """Connect a learning agent to the topic of samples."""
    app, metrics, wall = application.faust, application.metrics, application.clock.wall
    drift_policy = DriftPolicy.for_half_life(settings.half_life_s)
    drift = DriftReports(drift_policy, settings.topic("segment-drift"), producer, wall, metrics)
    agent = LearningAgent(settings.segments, policy, application.feed, publish, wall, metrics, drift)
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
