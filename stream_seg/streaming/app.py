"""The Faust application: agents, table, rebalances and timers, wired to one pipeline. Nothing is made at import."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import time
from typing import Any, Final

import faust
from faust.stores import STORES
from faust.types import TP
from mode import CrashingSupervisor

from stream_seg.cache.port import Cache
from stream_seg.cache.writer import CacheWriter
from stream_seg.contracts.currencies import minor_per_major
from stream_seg.contracts.model import load_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.transitions import Hysteresis
from stream_seg.core.vocabulary import TOPICS
from stream_seg.learning.drift import DriftPolicy
from stream_seg.learning.gate import UNUSABLE
from stream_seg.learning.policy import LearnerPolicy
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import MEMORY, Settings

from .absorb import Absorber
from .checkpoint import Checkpoint
from .decide import Decider
from .drift_reports import DriftReports
from .intake import BatchScheduler, batch_records
from .learning_agent import LearningAgent
from .lease import HeartbeatLease
from .mirror import Mirror
from .model_feed import ModelFeed
from .ownership import Ends, OwnedPartition
from .pipeline import Pipeline
from .samples import Sampling
from .state.disk import Databases
from .transport import BatchTransport

log = logging.getLogger(__name__)

STORES.aliases["by-partition"] = "stream_seg.streaming.state.store:PartitionedStore"

# The embedded broker makes the first member of a group wait half of the rebalance timeout.
EMBEDDED_SESSION_S: Final = 6.0
# Records that come while the embedded broker holds a fetch are seen at half of the wait, not at once.
EMBEDDED_FETCH_WAIT_MS: Final = 20
MODEL_FETCH_WAIT_MS: Final = 200
FETCH_WAIT_MS: Final = 500
# What one poll brings is absorbed while it is still in the processor's cache.
MAX_POLL_RECORDS: Final = 4_096
TEND_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Services:
    """Where broker and Redis are. `embedded`: the broker is the one from a wheel, with its quirks."""

    bootstrap: str
    redis_url: str
    embedded: bool


@dataclass(slots=True)
class Application:
    """A Faust app and the parts that health checks and metrics look at."""

    faust: faust.App
    pipeline: Pipeline
    lease: HeartbeatLease
    feed: ModelFeed
    mirror: Mirror
    metrics: Metrics
    engine: Engine


def build_app(settings: Settings, services: Services, metrics: Metrics, cache: Cache | None = None) -> Application:
    """Make the application of one worker. Connects to nothing until Faust starts it.

    Raises ValueError where settings name a model, a currency or a rate that cannot be used.
    """
    pinned = load_snapshot(settings.model) if settings.model is not None else None
    app = _faust_app(settings, services)
    fetch_wait_ms = settings.fetch_wait_ms or (EMBEDDED_FETCH_WAIT_MS if services.embedded else FETCH_WAIT_MS)
    transport = BatchTransport(app.conf.broker_consumer, app, embedded=services.embedded, fetch_wait_ms=fetch_wait_ms)
    app.transport = transport
    table = app.Table(
        "customers",
        partitions=settings.partitions,
        store="by-partition://customers",
        options={"databases": _databases(settings), "replayed": metrics.changelog_replayed.inc},
        key_type=bytes,
        value_type=bytes,
        # Events that recovery gathers before it applies them; ours are batches. (1 means something else to Faust.)
        recovery_buffer_size=2,
    )

    def producer() -> Any:
        return app.producer._ensure_producer()

    def ended(topic: str, partition: int) -> bool:
        end = app.consumer.highwater(TP(settings.topic(topic), partition))
        return pipeline.checkpoint.owned[partition].read_to_end(topic, end)

    engine = Engine(_rules(settings))
    lease = HeartbeatLease(app.conf.broker_session_timeout, lambda: transport.last_heartbeat)
    cache = cache or CacheWriter.from_url(services.redis_url, settings.redis_prefix, settings.app_id)
    mirror = Mirror(cache, engine, metrics, time)
    decider = Decider(engine, settings.clock == "stream", f"/stream-seg/{settings.app_id}", ended)
    absorber = Absorber(settings, engine, metrics, time)
    checkpoint = Checkpoint(settings, absorber, decider, mirror, lease, metrics, time, producer)
    policy = _policy(settings)
    feed = ModelFeed(
        services.bootstrap,
        settings.topic("segment-models"),
        lambda snapshot, in_force: pipeline.on_snapshot(snapshot, in_force),
        embedded=services.embedded,
        fetch_wait_ms=MODEL_FETCH_WAIT_MS if services.embedded else FETCH_WAIT_MS,
        on_unusable=metrics.models_refused.labels(UNUSABLE).inc,
    )

    def now(held: OwnedPartition) -> float:
        return held.clock(ended) if settings.clock == "stream" else time()

    pipeline = Pipeline(
        settings=settings,
        engine=engine,
        absorber=absorber,
        checkpoint=checkpoint,
        mirror=mirror,
        feed=feed,
        sampling=Sampling(engine, settings, policy, now, producer, metrics),
        pinned=pinned,
        store=lambda: table.data,
        producer=producer,
        wall=time,
        metrics=metrics,
    )
    made = Application(app, pipeline, lease, feed, mirror, metrics, engine)
    _wire(made, settings, transport)
    if pinned is None:
        _wire_learning(made, settings, policy, producer)
    return made


def _faust_app(settings: Settings, services: Services) -> faust.App:
    session_s = EMBEDDED_SESSION_S if services.embedded else settings.session_timeout_s
    return faust.App(
        settings.app_id,
        broker=[f"kafka://{host}" for host in services.bootstrap.split(",")],
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        web_enabled=False,
        web_tables_enabled=False,
        canonical_url=_address(settings),
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        table_standby_replicas=0,
        ConsumerScheduler=BatchScheduler,
        # Counted in batches. Faust stops fetching a partition when the buffer is four fifths full; the last fifth
        # must take what one poll still brings, or the learner's samples wait behind inputs that wait for a model.
        stream_buffer_maxsize=5 * (MAX_POLL_RECORDS // batch_records() + len(TOPICS) * settings.partitions),
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        # The embedded broker lets static members wait for one another, and moves partitions all the same.
        consumer_group_instance_id=None if services.embedded else settings.instance_id,
        broker_max_poll_records=MAX_POLL_RECORDS,
        broker_commit_interval=1.0,
        broker_session_timeout=session_s,
        broker_rebalance_timeout=session_s if services.embedded else 60.0,
        broker_heartbeat_interval=session_s / 6,
        broker_request_timeout=max(60.0, session_s + 10),
        producer_linger=0.0,
        # The largest batch a broker takes is 1 MB unless told otherwise.
        producer_max_batch_size=900_000,
        producer_max_request_size=16_000_000,
        producer_request_timeout=60.0,
        worker_redirect_stdouts=False,
        agent_supervisor=CrashingSupervisor,
    )


def _address(settings: Settings) -> str:
    """What Faust tells its members apart by. A static member that comes back must have the one it had, on any port."""
    if settings.instance_id is not None:
        return f"http://{settings.instance_id}"
    return f"http://{settings.worker_http_host}:{settings.worker_http_port or 6066}"


def _databases(settings: Settings) -> Databases | None:
    """Where customers live on disk, if the settings say so; a directory for each application and partition."""
    if settings.store == MEMORY:
        return None
    return Databases(settings.data_dir / "store" / settings.app_id)


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
        await pipeline.stop()

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


def _wire_learning(made: Application, settings: Settings, policy: LearnerPolicy, producer: Any) -> None:
    app = made.faust
    drift = DriftReports(
        DriftPolicy.for_half_life(settings.half_life_s), settings.topic("segment-drift"), producer, time, made.metrics
    )
    agent = LearningAgent(
        settings.segments, policy, made.feed, settings.topic("segment-models"), producer, time, made.metrics, drift
    )
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
