"""The stage of a chaos run: broker, Redis, topics, producer and fleet, and the queries that a run makes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from aiokafka.errors import KafkaError

from benchmarks.workload import fixed_model
from stream_seg.addresses import Addresses
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError
from stream_seg.kafka.lag import PartitionLag, measure_lag
from stream_seg.settings import Settings
from stream_seg.tools.topics import create_topics, topic_specs
from tests.chaos.broker import ChaosBroker
from tests.chaos.fleet import Fleet
from tests.chaos.options import PARTITIONS, Options
from tests.chaos.sender import Sender
from tests.chaos.simulate import Simulated
from tests.integration.support.deployment import PATHLESS, Deployment, write_model
from tests.integration.support.ending import Letter
from tests.integration.support.redis import Redis, redis_server

APP_ID = "chaos"
GUESTS = 1  # places for workers that join for a while
POLL_S = 0.25
# Longer than a broker's restart. Requests for lag are repeated.
LAG_ASKED_S = 20.0


@dataclass
class Stage:
    """The resources that disturbances act on. Each thread uses an `rng` of its own."""

    options: Options
    broker: ChaosBroker
    redis: Redis
    settings: Settings
    environment: Mapping[str, str]  # the same, for processes
    simulated: Simulated
    sender: Sender
    fleet: Fleet
    rng: random.Random
    changes: list[Letter] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def embedded(self) -> bool:
        """Return whether the broker is the embedded one, with its quirks."""
        return self.broker.name == "embedded"

    def say(self, what: str) -> None:
        """Record an occurrence, with the seconds since the run began."""
        note = f"{time.monotonic() - self.begun:6.1f} s  {what}"
        self.notes.append(note)
        print(note, flush=True)

    def lags(self) -> list[PartitionLag]:
        """Return lag by topic and partition. Repeats the request for a while if the broker is unavailable."""
        topics = [self.settings.topic(name) for name in TOPICS]
        deadline = time.monotonic() + LAG_ASKED_S
        while True:
            try:
                return asyncio.run(measure_lag(self.broker.value, APP_ID, topics, now_s=time.time()))
            except (BrokerError, KafkaError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def lag(self) -> int:
        """Return the number of records that are not yet absorbed and committed."""
        return sum(each.lag_events for each in self.lags())

    @property
    def deployed(self) -> Deployment:
        """Return the run as a deployment for the readers of topics and Redis."""
        addresses = Addresses(self.broker.value, self.redis.url)
        return Deployment(addresses, self.settings, self.settings.data_dir, {})

    def flush_redis(self) -> bool:
        """Run FLUSHALL, and return whether Redis accepted it."""
        with suppress(redis.RedisError):
            self.redis.flush()
            return True
        return False


@contextmanager
def stage(options: Options, broker: ChaosBroker, simulated: Simulated, directory: Path) -> Iterator[Stage]:
    """Start broker, Redis and producer, and create topics. All end with the block. No worker runs yet."""
    rng = random.Random(f"{options.seed} plan")
    broker.start()
    try:
        with redis_server(directory) as cache:
            cache.start()
            chosen = _settings(options, broker, cache, directory)
            settings = Settings(**{name.lower(): value for name, value in chosen.items()})
            asyncio.run(create_topics(broker.value, topic_specs(settings)))
            sender = Sender(broker.value.address, settings.topic, idempotent=broker.keeps)
            environment = {f"STREAM_SEG_{name}": value for name, value in chosen.items()}
            fleet = Fleet(options.workers + GUESTS, environment, directory, random.Random(f"{options.seed} fleet"))
            sender.start()
            fleet.start()
            scene = Stage(options, broker, cache, settings, environment, simulated, sender, fleet, rng)
            try:
                yield scene
            finally:
                fleet.close()
                scene.sender.stop()
    finally:
        broker.stop()


def _settings(options: Options, broker: ChaosBroker, cache: Redis, directory: Path) -> dict[str, str]:
    """Return the settings of all workers, without prefix."""
    chosen = {
        "BROKER": broker.setting,
        "REDIS_URL": cache.url,
        "DATA_DIR": str(directory),
        "APP_ID": APP_ID,
        "TOPIC_PREFIX": f"{APP_ID}.",
        "REDIS_PREFIX": APP_ID,
        "PARTITIONS": str(PARTITIONS),
        "SESSION_TIMEOUT_S": f"{broker.session_s:g}",
        "CLOCK": "stream",
    }
    if not options.learning:
        chosen |= PATHLESS | {"MODEL": str(write_model(directory, fixed_model()))}
    return chosen
