"""A deployment under test: a broker and a Redis, one application's topics, and its workers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stream_seg.addresses import Addresses
from stream_seg.cache import SegmentClient
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.embedded.services import open_services
from stream_seg.errors import BrokerError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.lag import measure_lag
from stream_seg.settings import Settings
from stream_seg.tools.replay.send import replay
from stream_seg.tools.topics import create_topics, topic_specs
from tests.conftest import started
from tests.integration.support.events import Sent
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker

PARTITIONS = 4
# Hysteresis is off and time comes from events, so that a customer's result does not depend on the path.
PATHLESS = {"CLOCK": "stream", "MARGIN": "0", "DWELL": "0"}
# As short as on the embedded broker, because tests that kill workers wait for sessions to end.
SESSION_TIMEOUT_S = "6"
# For tests in which no session may end because the machine stalled.
CALM = {**PATHLESS, "SESSION_TIMEOUT_S": "30"}
DRAINED_S = 90.0
LAG_EVERY_S = 0.2  # each poll is a dozen requests, and several tests wait at once
REDIS_S = 30.0  # long enough for a busy machine
SENT_S = 180.0


@dataclass(frozen=True)
class Services:
    """A broker, by its setting, and an embedded Redis. Workers attach to embedded services through `data_dir`."""

    broker: str
    addresses: Addresses
    data_dir: Path


@contextmanager
def services(data_dir: Path, broker: str) -> Iterator[Services]:
    """Yield fresh embedded services, or `kafka://host:port` and a fresh Redis. Skips or fails as
    `tests.conftest.started`.
    """
    with ExitStack() as stack:
        # Every setting is explicit, so that nothing of a developer's environment leaks in.
        settings = Settings(broker=broker, redis_url="embedded", data_dir=data_dir)
        yield Services(broker, started(lambda: stack.enter_context(open_services(settings))), data_dir)


@dataclass
class Deployment:
    """One application, whose workers are stopped when the deployment ends."""

    addresses: Addresses
    settings: Settings
    directory: Path
    environment: Mapping[str, str]
    workers: list[Worker] = field(default_factory=list)
    module: str = "stream_seg"  # that runs the workers

    @property
    def broker(self) -> Broker:
        """Return the broker."""
        return self.addresses.broker

    @property
    def embedded(self) -> bool:
        """Return whether the broker is the embedded one."""
        return self.addresses.broker.embedded

    def start_worker(self, **more: str) -> Worker:
        """Start a worker. `more` are settings of its own, names without prefix."""
        worker = Worker({**self.environment, **_prefixed(more)}, self.directory, module=self.module)
        self.workers.append(worker)
        return worker

    def send(self, records: Iterable[Sent], *, speed: float | None = None) -> int:
        """Send records, as fast as possible or at `speed` seconds of `occurred_at_s` per second, and return their
        number.
        """
        sending = replay(records, broker=self.broker, settings=self.settings, speed=speed)
        return asyncio.run(sending).records

    def lag(self) -> int:
        """Return the number of records that are not yet absorbed and committed."""
        topics = [self.settings.topic(name) for name in TOPICS]
        measuring = measure_lag(self.broker, self.settings.app_id, topics, now_s=time.time())
        lags = asyncio.run(measuring)
        return sum(each.lag_events for each in lags)

    def wait_until_drained(self, timeout_s: float = DRAINED_S) -> None:
        """Return when all sent records are absorbed and committed."""

        found: int | str = "not known"

        def drained() -> bool:
            nonlocal found
            assert any(worker.running() for worker in self.workers), self.output()
            try:
                found = self.lag()
            except BrokerError as problem:
                found = str(problem)
            return found == 0

        eventually(drained, timeout_s, "the lag is 0", lambda: f"it is {found}: {self.output()}", every_s=LAG_EVERY_S)

    def output(self) -> str:
        """Return the end of each worker's output."""
        return (
            "\n".join(f"worker {n}: {worker.output()}" for n, worker in enumerate(self.workers))
            or "there was no worker"
        )

    @contextmanager
    def redis(self) -> Iterator[SegmentClient]:
        """Return a reader's client."""
        with SegmentClient.from_url(self.addresses.redis_url, self.settings.redis_prefix, timeout_s=REDIS_S) as client:
            yield client


@contextmanager
def deployment(
    on: Services,
    name: str,
    *,
    model: Mapping[str, Any] | None = None,
    redis_url: str | None = None,
    module: str = "stream_seg",
    **settings: str,
) -> Iterator[Deployment]:
    """Yield a deployment called `name`, with topics of its own. `model` is pinned. `settings`: names without prefix.

    `redis_url` names a Redis other than that of the services. `module` runs the workers, by default as a user does.
    """
    directory = on.data_dir / name
    directory.mkdir()
    chosen = {
        "BROKER": on.broker,
        "REDIS_URL": redis_url or "embedded",
        "DATA_DIR": str(on.data_dir),
        "APP_ID": name,
        "TOPIC_PREFIX": f"{name}.",
        "REDIS_PREFIX": name,
        "PARTITIONS": str(PARTITIONS),
        "SESSION_TIMEOUT_S": SESSION_TIMEOUT_S,
        **settings,
    }
    if model is not None:
        chosen["MODEL"] = str(write_model(directory, model))
    made = Settings(**{key.lower(): value for key, value in chosen.items()})
    broker = replace(on.addresses.broker, compression=made.compression)
    addresses = Addresses(broker, redis_url or on.addresses.redis_url)
    deployed = Deployment(addresses, made, directory, _prefixed(chosen), module=module)
    specs = topic_specs(made)
    created = asyncio.run(create_topics(addresses.broker, specs))
    assert len(created) == len(specs), f"another test has a deployment called {name}"
    try:
        yield deployed
    finally:
        for worker in deployed.workers:
            worker.kill()


@contextmanager
def replaying(deployed: Deployment, sent: list[Sent], *, speed: float = 1.0) -> Iterator[None]:
    """Send records at their pace while the block runs. All are sent when it ends."""
    with _sending(deployed, sent, sent, speed):
        yield


@contextmanager
def replaying_meanwhile(deployed: Deployment, endless: Iterable[Sent]) -> Iterator[list[Sent]]:
    """Send records at their pace until the block ends, however long that takes. Yields the list of sent records."""
    sent: list[Sent] = []
    ended = threading.Event()

    def until_then() -> Iterator[Sent]:
        for record in endless:
            if ended.is_set():
                return
            sent.append(record)
            yield record
        assert ended.is_set(), "there is nothing more to send: give it more records"

    with _sending(deployed, until_then(), sent, 1.0):
        try:
            yield sent
        finally:
            ended.set()


@contextmanager
def _sending(deployed: Deployment, records: Iterable[Sent], sent: list[Sent], speed: float) -> Iterator[None]:
    """Send `records` on a thread beside the block, and append each to `sent`."""
    failures: list[BaseException] = []

    def send() -> None:
        try:
            assert deployed.send(records, speed=speed) == len(sent)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield
    thread.join(SENT_S)
    assert not thread.is_alive(), "the replay does not end"
    assert failures == []


def write_model(directory: Path, model: Mapping[str, Any]) -> Path:
    """Write a model snapshot to a file and return its path."""
    path = directory / f"model-{model['version']}.json"
    path.write_text(json.dumps(model))
    return path


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"STREAM_SEG_{name}": value for name, value in settings.items()}
