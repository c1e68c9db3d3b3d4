"""The broker of a benchmark: the embedded one, or Apache Kafka, which needs Java and Maven."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import AbstractContextManager

from apache_kafka.server import ApacheKafka
from stream_seg.embedded.broker import start_broker
from stream_seg.embedded.process import ServiceProcess
from stream_seg.errors import EmbeddedError

EMBEDDED, KAFKA = "embedded", "kafka"


def add_option(parser: ArgumentParser) -> None:
    """Add the option `--broker embedded|kafka`."""
    parser.add_argument("--broker", choices=[EMBEDDED, KAFKA], default=EMBEDDED, help="kafka needs Java and Maven")


def running(broker: str) -> AbstractContextManager[ServiceProcess | ApacheKafka]:
    """Yield a broker with an `address`. Ends the program with one line where it cannot be started."""
    try:
        return start_broker() if broker == EMBEDDED else ApacheKafka()
    except EmbeddedError as error:
        sys.exit(str(error))
