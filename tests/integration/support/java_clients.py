"""Kafka's own Java client: producing with a codec, and granting permissions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from apache_kafka.jars import jars, java

_SOURCE = Path(__file__).with_name("java") / "Clients.java"
_ENDED_WITHIN_S = 120.0


def produce(bootstrap: str, topic: str, records: Iterable[tuple[str, str, str]]) -> None:
    """Send (codec, key, value) with Kafka's Java producer, each compressed with its codec."""
    _run(["produce", bootstrap, topic], map("\t".join, records))


def allow(bootstrap: str, user: str, grants: Iterable[str]) -> None:
    """Grant permissions, each as `TOPIC PREFIXED name READ`, in the words of Kafka's ACLs."""
    _run(["allow", bootstrap, user], grants)


def _run(arguments: list[str], lines: Iterable[str]) -> None:
    done = subprocess.run(
        [java(), "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*", str(_SOURCE), *arguments],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=_ENDED_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
