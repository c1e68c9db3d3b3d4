"""The Apache Kafka of tests, benchmarks and `scripts/kafka`: its data, its addresses, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from apache_kafka.server import ApacheKafka
from stream_seg.embedded.process import HOST, ServiceProcess
from stream_seg.kafka.broker import Broker
from tests.conftest import started
from tests.integration.support.polling import eventually
from tests.integration.support.worker import ROOT
from tests.integration.test_reader import fill, read

STARTER = """
import time
from apache_kafka.server import ApacheKafka
with ApacheKafka() as kafka:
    print(kafka.service.pid, flush=True)
    time.sleep(120)
"""


@pytest.fixture(autouse=True)
def _kafka_needed(apache_kafka: Broker) -> None:
    """Skip tests where Kafka cannot be started."""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the output of `scripts/kafka`, with the folder in place of a checkout."""
    run = [sys.executable, "-m", "apache_kafka", *arguments]
    return subprocess.run(run, cwd=directory, env=environment(), capture_output=True, text=True, check=False)


def test_a_restart_and_a_crash_keep_data_and_port() -> None:
    with started(ApacheKafka) as kafka:
        address, first = kafka.address, kafka.service
        asyncio.run(fill(Broker(address), "kept", [(0, b"k", b"1"), (2, b"k", b"2")]))

        kafka.restart()
        assert not first.running()
        asyncio.run(fill(Broker(address), "kept", [(0, b"k", b"3")]))
        kafka.kill()
        kafka.restart()

        assert kafka.address == address
        assert asyncio.run(read(Broker(address), "kept")) == {0: [b"1", b"3"], 2: [b"2"]}
        assert listening(kafka.service) == {HOST}


def listening(service: ServiceProcess) -> set[str]:
    """Return the addresses on which a process accepts connections."""
    found = psutil.Process(service.pid).net_connections("tcp")
    return {each.laddr.ip.removeprefix("::ffff:") for each in found if each.status == psutil.CONN_LISTEN}


def test_it_dies_with_its_starter() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], env=environment(), stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        kafka = psutil.Process(int(starter.stdout.readline()))
        directory = Path(kafka.cmdline()[-1]).parents[1]
        starter.kill()
        eventually(lambda: not kafka.is_running(), 10, "it is gone")
    assert directory.name.startswith("stream-seg-kafka-")
    subprocess.run(["rm", "-r", str(directory)], check=True)  # a starter that was killed removes nothing


def test_in_the_background_until_told_to_stop(tmp_path: Path) -> None:
    assert command(tmp_path, "status").returncode == 1
    begun = command(tmp_path, "start", "--port", "0")
    assert begun.returncode == 0, begun.stderr
    recorded = json.loads((tmp_path / ".stream_seg" / "apache-kafka.json").read_text())
    kafka = psutil.Process(recorded["pid"])
    try:
        address = f"{HOST}:{recorded['port']}"
        assert begun.stdout.splitlines()[-1] == f"export STREAM_SEG_BROKER=kafka://{address}"
        asyncio.run(fill(Broker(address), "kept", [(0, b"k", b"1")]))
        assert "it runs already" in command(tmp_path, "start").stderr

        kafka.send_signal(signal.SIGKILL)
        kafka.wait(10)
        assert command(tmp_path, "status").stderr.endswith(
            "does not answer on " + address + "; `scripts/kafka restart`\n"
        )
        again = command(tmp_path, "restart")
        assert again.returncode == 0, again.stderr
        assert asyncio.run(read(Broker(address), "kept")) == {0: [b"1"]}
    finally:
        stopped = command(tmp_path, "stop")
    assert stopped.stdout == "stopped, data removed\n"
    assert not Path(recorded["directory"]).exists()
    assert command(tmp_path, "stop").returncode == 0


def test_a_port_that_is_taken_is_one_clear_failure(tmp_path: Path, apache_kafka: Broker) -> None:
    failed = command(tmp_path, "start", "--port", apache_kafka.address.rpartition(":")[2])

    assert failed.returncode == 1
    why = "cannot be used (Address already in use); choose another with --port"
    assert failed.stderr == f"scripts/kafka: {apache_kafka.address} {why}\n"
    assert not (tmp_path / ".stream_seg").exists()
