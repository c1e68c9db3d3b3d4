"""Brokers of a chaos run: their interface, the embedded one, and Apache Kafka."""

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

    `keeps` means that acknowledged records survive `restart`. `session_s` is how long a silent worker keeps its
    partitions.
    """

    name: str
    keeps: bool
    session_s: float

    @property
    def value(self) -> Broker:
        """Return address and quirks of the started broker."""

    @property
    def setting(self) -> str:
        """Return the value of STREAM_SEG_BROKER for workers."""

    def start(self) -> None:
        """Start the broker and return once it answers."""

    def restart(self) -> None:
        """Stop the broker and start it again."""

    def stop(self) -> None:
        """End the broker. Idempotent."""


def broker_of(name: str, data_dir: Path) -> ChaosBroker:
    """Return the requested broker (`embedded` or `kafka`), not started."""
    return KafkaBroker() if name == "kafka" else EmbeddedBroker(data_dir)


class EmbeddedBroker:
    """The broker from a wheel, which workers find through `data_dir`. It keeps nothing.

    Start it from a thread that lives as long as the broker should (see `embedded.process.ServiceProcess`).
    """

    name = "embedded"
    keeps = False
    session_s = EMBEDDED_SESSION_S
    setting = "embedded"

    def __init__(self, data_dir: Path) -> None:
        # Redis belongs to the run. A placeholder URL keeps another one from being started beside the broker.
        self._settings = Settings(broker="embedded", redis_url="redis://127.0.0.1:1/0", data_dir=data_dir)
        self._stack = ExitStack()
        self.value = Broker("", embedded=True)

    def start(self) -> None:
        """Start the broker. Raises EmbeddedError."""
        self.value = self._stack.enter_context(open_services(self._settings)).broker

    def restart(self) -> None:
        """Start an empty broker on another port."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the broker and lose its content."""
        self._stack.close()


class KafkaBroker:
    """Apache Kafka, one node run from its jars. It keeps its data and its port.

    A service dies with the thread that started it, so one thread starts it and lives until `stop`.
    """

    name = "kafka"
    keeps = True
    session_s = EMBEDDED_SESSION_S

    def __init__(self) -> None:
        self._kafka: Any = None
        self._thread = ThreadPoolExecutor(1)

    @property
    def value(self) -> Broker:
        """Return the address of the node."""
        return Broker(self._kafka.address)

    @property
    def setting(self) -> str:
        """Return the setting as a user would write it."""
        return f"kafka://{self.value.address}"

    def start(self) -> None:
        """Start the node. Raises EmbeddedError, also where this checkout has no `apache_kafka`."""
        try:
            server = importlib.import_module("apache_kafka.server")
        except ImportError:
            raise EmbeddedError("no Apache Kafka can be started from this checkout; use --broker embedded") from None
        self._kafka = self._thread.submit(server.ApacheKafka).result()

    def restart(self) -> None:
        """Shut the node down in order, and start it on the same data and port."""
        self._thread.submit(self._kafka.restart).result()

    def stop(self) -> None:
        """End the node, and remove its data."""
        if self._kafka is not None:
            self._kafka.__exit__(None, None, None)
            self._kafka = None
        self._thread.shutdown()
