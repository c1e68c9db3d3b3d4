"""The subject of the benchmarks: a stream_seg worker on a broker and an embedded Redis, as a user would run it."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import brokers
from benchmarks.processes import Child, Usage
from stream_seg.embedded.services import open_services
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.topics import create_topics, topic_specs

# Each request for metrics costs the worker some milliseconds.
POLL_S = 0.25


@dataclass(frozen=True)
class Stand:
    """A broker, a Redis, and the settings of a worker on them."""

    broker: Broker
    redis_url: str
    environment: Mapping[str, str]


@contextmanager
def stand(model: Mapping[str, Any] | None, broker: str = brokers.EMBEDDED, **settings: str) -> Iterator[Stand]:
    """Yield services with empty topics. `model` is pinned. `settings` are names without prefix, as in the
    environment.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        place = "embedded"
        if broker == brokers.KAFKA:
            place = f"kafka://{stack.enter_context(brokers.running(broker)).address}"
        services = stack.enter_context(open_services(Settings(broker=place, data_dir=Path(directory))))
        environment = {
            "STREAM_SEG_BROKER": place,
            "STREAM_SEG_DATA_DIR": directory,
            "STREAM_SEG_WORKER_HTTP_PORT": str(free_port()),
            **_prefixed(settings),
        }
        if model is not None:
            path = Path(directory, "model.json")
            path.write_text(json.dumps(model))
            environment["STREAM_SEG_MODEL"] = str(path)
        asyncio.run(create_topics(services.broker, topic_specs(Settings())))
        yield Stand(services.broker, services.redis_url, environment)


def free_port() -> int:
    """Return an unused port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"STREAM_SEG_{name}": value for name, value in settings.items()}


class Worker:
    """A worker process and its figures: a context manager that kills it, because its services are discarded next."""

    def __init__(self, stand: Stand) -> None:
        self._url = f"http://127.0.0.1:{stand.environment['STREAM_SEG_WORKER_HTTP_PORT']}"
        self.child = Child.module("stream_seg", "worker", environment=stand.environment)

    @classmethod
    def beside(cls, stand: Stand, **settings: str) -> Worker:
        """Return another worker, with its own port. `settings` are names without prefix, as in the environment."""
        own = {"WORKER_HTTP_PORT": str(free_port()), **settings}
        return cls(replace(stand, environment={**stand.environment, **_prefixed(own)}))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.stop()

    def metrics(self) -> dict[str, float]:
        """Return samples by name with labels, as Prometheus would read them. Empty while the port is closed."""
        try:
            with urllib.request.urlopen(f"{self._url}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def written(self) -> int:
        """Return the number of records with complete effects: state, changes and documents."""
        return int(self.metrics().get("stream_seg_group_events_sum", 0))

    def absorbed(self) -> int:
        """Return the events absorbed and records rejected so far, written or not."""
        names = ("stream_seg_events_absorbed_total", "stream_seg_events_rejected_total")
        return int(sum(value for name, value in self.metrics().items() if name.startswith(names)))

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Return when partitions are assigned and recovered."""

        def owns() -> bool:
            return self.metrics().get("stream_seg_partitions_owned", 0) > 0

        self.child.wait_for(owns, timeout_s, "partitions were assigned")


@dataclass(frozen=True)
class Run:
    """Measurements of a worker over preloaded records, from the first to the last."""

    events: int
    wall_s: float
    cpu_s: float
    rss_bytes: int
    metrics: Mapping[str, float]

    @property
    def events_per_s(self) -> float:
        """Return records per second of wall time, including rejected ones."""
        return self.events / self.wall_s

    @property
    def cpu_s_per_million(self) -> float:
        """Return CPU seconds of the worker process per million records."""
        return self.cpu_s / self.events * 1e6


def drain(stand: Stand, events: int, timeout_s: float = 600.0) -> Run:
    """Run one worker over `events` preloaded records and measure it without start-up and shutdown.

    If the first poll finds all of them absorbed, the measurement starts at the poll before.
    """
    with Worker(stand) as worker:
        first: tuple[int, Usage] | None = None
        idle = worker.child.usage()
        written, deadline = 0, time.monotonic() + timeout_s
        while written < events:
            if time.monotonic() > deadline or not worker.child.running():
                worker.child.wait_for(lambda: False, 0.0, f"all {events:,} records were written ({written:,} are)")
            time.sleep(POLL_S)
            if first is None:
                absorbed, now = worker.absorbed(), worker.child.usage()
                if absorbed:
                    first = (absorbed, now) if absorbed < events else (0, idle)
                idle = now
            else:
                written = worker.written()
        last, metrics = worker.child.usage(), worker.metrics()
    assert first is not None
    before, begun = first
    return Run(events - before, last.at_s - begun.at_s, last.cpu_s - begun.cpu_s, last.rss_bytes, metrics)
