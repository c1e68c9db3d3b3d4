"""A running Apache Kafka of a test or a benchmark, which ends with its starter and can be restarted on its data and
port.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from apache_kafka.node import Node, cluster_id
from apache_kafka.secured import Secured
from stream_seg.embedded.broker import broker_answers
from stream_seg.embedded.process import Recipe, ServiceProcess, start, start_again

READY_S = 60.0
# An orderly shutdown writes data that a restart would otherwise have to recover.
STOPPED_S = 30.0


class ApacheKafka:
    """One node with data in a temporary folder: a context manager that stops it and removes the data.

    Start it from a thread that outlives it (see ServiceProcess). Raises EmbeddedError when Java or Maven are missing,
    or the node does not start.
    """

    def __init__(self, secured: Secured | None = None) -> None:
        self._secured = secured
        self._directory = tempfile.TemporaryDirectory(prefix="stream-seg-kafka-")
        recipe = Recipe("Apache Kafka", self._command, node_answers, os.environ)
        try:
            self._service = start(recipe, timeout_s=READY_S)
        except BaseException:
            self._directory.cleanup()
            raise

    @property
    def address(self) -> str:
        """Return the `host:port` of the node, which is the same after a restart."""
        return self._service.address

    @property
    def service(self) -> ServiceProcess:
        """Return the process that runs the node now."""
        return self._service

    def stop(self) -> None:
        """Shut the node down in order and keep its data. Idempotent."""
        self._service.stop(STOPPED_S)

    def kill(self) -> None:
        """End the node at once, as a crash would, and keep its data."""
        self._service.kill()

    def restart(self) -> None:
        """Start the node again on the same data and port, after an orderly shutdown if it still runs."""
        self.stop()
        self._service = start_again(self._service, timeout_s=READY_S)

    def _command(self, port: int, identity: str) -> list[str]:
        return Node(Path(self._directory.name, identity), self._secured).command(port, identity)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._service.kill()  # the data are removed next, so no orderly shutdown is needed
        self._service.stop()
        self._directory.cleanup()


def node_answers(port: int, identity: str) -> bool:
    """Return whether the node that was formatted with this identity answers a request on the port."""
    return broker_answers(port, cluster_id(identity))
