"""Brokers that a chaos run can work on: what it needs of them, the embedded one, and Apache Kafka."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from stream_seg.embedded.services import open_services
from stream_seg.errors import EmbeddedError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings

EMBEDDED_SESSION_S = 6.0


class ChaosBroker(Protocol):
    """A broker on this machine.

    `keeps`: what was acknowledged is there after `restart`. `session_s`: how long a silent worker keeps its partitions.
    """

    name: str
    keeps: bool
    session_s: float

    @property
    def value(self) -> Broker:
        """Address and quirks, once it has started."""

    @property
    def setting(self) -> str:
        """What workers get as STREAM_SEG_BROKER."""

    def start(self) -> None:
        """Start it; it answers when this returns."""

    def restart(self) -> None:
        """Stop it and start it again."""

    def stop(self) -> None:
        """End it. Idempotent."""


def broker_of(name: str, data_dir: Path) -> ChaosBroker:
    """The broker that was asked for, not started: `embedded` or `kafka`."""
    return KafkaBroker() if name == "kafka" else EmbeddedBroker(data_dir)


class EmbeddedBroker:
    """The broker from a wheel, which workers find through `data_dir`. It keeps nothing.

    It must be started by a thread that lives as long as it should (see `embedded.process.ServiceProcess`).
    """

    name = "embedded"
    keeps = False
    session_s = EMBEDDED_SESSION_S
    setting = "embedded"

    def __init__(self, data_dir: Path) -> None:
        # Redis is the run's own: a URL that nobody opens keeps it from being started beside the broker.
        self._settings = Settings(broker="embedded", redis_url="redis://127.0.0.1:1/0", data_dir=data_dir)
        self._stack = ExitStack()
        self.value = Broker("", embedded=True)

    def start(self) -> None:
        """Raises EmbeddedError."""
        self.value = self._stack.enter_context(open_services(self._settings)).broker

    def restart(self) -> None:
        """Another one, on another port, with nothing in it."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it, and all it holds."""
        self._stack.close()


class KafkaBroker:
    """Apache Kafka, one node run from its jars. It keeps its data and its port.

    A service dies with the thread that started it; so one thread starts it, and lives until `stop`.
    """

    name = "kafka"
    keeps = True
    session_s = EMBEDDED_SESSION_S

    def __init__(self) -> None:
        self._kafka: Any = None
        self._thread = ThreadPoolExecutor(1)

    @property
    def value(self) -> Broker:
        """Where it is."""
        return Broker(self._kafka.address)

    @property
    def setting(self) -> str:
        """As a user of it would write."""
        return f"kafka://{self.value.address}"

    def start(self) -> None:
        """Raises EmbeddedError, also where this checkout has no `apache_kafka`."""
        try:
            server = importlib.import_module("apache_kafka.server")
        except ImportError:
            raise EmbeddedError("no Apache Kafka can be started from this checkout; use --broker embedded") from None
        self._kafka = self._thread.submit(server.ApacheKafka).result()

    def restart(self) -> None:
        """An orderly shutdown, and a start on the same data and port."""
        self._thread.submit(self._kafka.restart).result()

    def stop(self) -> None:
        """End it, and remove its data."""
        if self._kafka is not None:
            self._kafka.__exit__(None, None, None)
            self._kafka = None
        self._thread.shutdown()
