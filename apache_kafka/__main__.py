"""The command behind `scripts/kafka`, which starts, stops, restarts or inspects one Apache Kafka in the background."""

from __future__ import annotations

import argparse
import sys
import time

from apache_kafka.background import Background
from apache_kafka.jars import version
from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import EmbeddedError

PORT = 9092


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status: 0, 1 with a one-line reason, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="scripts/kafka", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start one with empty data, and return when it answers")
    start.add_argument("--port", type=int, default=PORT, help=f"of {HOST}; 0 takes a free one (default {PORT})")
    commands.add_parser("stop", help="stop it and remove its data")
    commands.add_parser("restart", help="stop it and start it again; data and port stay")
    commands.add_parser("status", help="say where it is; exit status 1 when it does not answer")
    chosen = parser.parse_args(arguments)
    known = Background.recorded()
    try:
        if chosen.command == "start":
            return _start(known, chosen.port)
        if known is None:
            print("no Apache Kafka was started here; `scripts/kafka start` does", file=sys.stderr)
            return 0 if chosen.command == "stop" else 1
        return {"stop": _stop, "restart": _restart, "status": _status}[chosen.command](known)
    except EmbeddedError as error:
        print(f"scripts/kafka: {error}", file=sys.stderr)
        return 1


def _start(known: Background | None, port: int) -> int:
    if known is not None and known.running:
        print("it runs already", file=sys.stderr)
        return _status(known)
    if known is not None:
        known.stop()  # the process is gone and its data are lost
    begun = time.monotonic()
    return _tell(Background.start(port or free_port()), f"ready in {time.monotonic() - begun:.1f} s")


def _stop(known: Background) -> int:
    known.stop()
    print("stopped, data removed")
    return 0


def _restart(known: Background) -> int:
    begun = time.monotonic()
    return _tell(known.restart(), f"ready again in {time.monotonic() - begun:.1f} s")


def _status(known: Background) -> int:
    if not known.answers:
        print(f"Apache Kafka does not answer on {HOST}:{known.port}; `scripts/kafka restart`", file=sys.stderr)
        return 1
    return _tell(known, "answers")


def _tell(node: Background, state: str) -> int:
    print(f"Apache Kafka {version()}, process {node.pid}, {state}; data and log in {node.directory}")
    print(f"export STREAM_SEG_BROKER=kafka://{HOST}:{node.port}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
