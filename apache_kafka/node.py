"""The folder of one node: its settings, its formatted data, and the command that runs it."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from apache_kafka.jars import jars, java
from apache_kafka.secured import Secured
from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import EmbeddedError

FORMATTED_WITHIN_S = 60
# The options of Kafka's own start script, with a smaller initial heap.
JVM = [
    *("-Xms256m", "-Xmx1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}{listeners}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}{listeners}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# One node holds the only replica.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# As docs/guides/operating.md asks of every broker.
auto.create.topics.enable=false
# Tests start and stop many small groups, some of them with short sessions.
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a crash the node must wait until its own session before is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Tests write records with times long past; a retention by time would remove them under their eyes.
log.retention.ms=-1
"""


class Node:
    """One node in `directory`, which is empty or was created by an earlier `Node`. Data and ports stay the same for
    life.

    `secured` adds listeners with TLS and logins, and turns on permissions.
    """

    def __init__(self, directory: Path, secured: Secured | None = None) -> None:
        self._properties = directory / "server.properties"
        self._data = directory / "data"
        self._secured = secured

    def command(self, port: int, identity: str) -> list[str]:
        """Return the command line that runs the node on `port`. Formats the data first if that is not done yet.

        Raises EmbeddedError when Java, Maven or the jars are missing, or Kafka refuses to format.
        """
        run = [java(), *JVM, "-cp", f"{jars()}/*"]
        if not self._data.exists():
            self._format(run, port, identity)
        return [*run, "kafka.Kafka", str(self._properties)]

    def _format(self, run: list[str], port: int, identity: str) -> None:
        self._properties.parent.mkdir(parents=True, exist_ok=True)
        secured = self._secured
        text = PROPERTIES.format(
            host=HOST,
            port=port,
            controller=free_port(),
            data=self._data.absolute(),
            listeners="" if secured is None else secured.listeners(),
            protocols="" if secured is None else secured.protocols(),
        )
        self._properties.write_text(text if secured is None else text + secured.properties())
        form = ["format", "--standalone", f"--cluster-id={cluster_id(identity)}", "--config", str(self._properties)]
        form += [] if secured is None else secured.scram_users()
        done = subprocess.run(
            [*run, "kafka.tools.StorageTool", *form],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FORMATTED_WITHIN_S,
            check=False,
        )
        if done.returncode:
            raise EmbeddedError(f"Apache Kafka could not format {self._data}: {(done.stdout + done.stderr).strip()}")


def cluster_id(identity: str) -> str:
    """Return a Kafka cluster id (16 bytes in URL-safe base64) derived from any identity."""
    return base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_OID, identity).bytes).decode().rstrip("=")
