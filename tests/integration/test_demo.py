"""The demo: its summary is right, and an interrupted run leaves only DATA_DIR."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stream_seg.cache import SegmentClient
from stream_seg.kafka.broker import Broker
from tests.integration.support.polling import eventually
from tests.integration.support.worker import ROOT

EVENTS = 12_000
GONE_S = 60.0


@pytest.fixture(autouse=True)
def _services_needed(embedded_broker: Broker, redis_url: str) -> None:
    """Skip tests where no service can be started."""


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a demo that runs in `directory`, and kill it if it still runs in the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_SEG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_seg", "demo", *arguments],
        cwd=directory,
        env={**inherited, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def alive(processes: list[psutil.Process]) -> list[str]:
    return [str(each) for each in processes if _alive(each)]


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended in between
        return False


def test_the_summary_holds(tmp_path: Path) -> None:
    with demo(tmp_path, "--json", "--limit", str(EVENTS)) as process:
        stdout, stderr = process.communicate(timeout=300)

    assert (process.returncode, stderr) == (0, "")
    facts = json.loads(stdout.splitlines()[-1])
    assert facts["redis_equals_topic"] is True
    assert facts["state_equals_redis"] is True
    assert (facts["events"], facts["rejected"]) == (EVENTS, 0)
    assert facts["events_per_s"] > 0
    sizes = [each["size"] for each in facts["segments"] if each["dimension"] == "behavior"]
    assert sum(sizes) == facts["customers"] == facts["check"]["customers"] > 1_000
    assert facts["changes"] >= facts["customers"]
    assert all(each["name"] for each in facts["segments"])
    assert len(facts["people"]) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".stream_seg"]
    assert not (tmp_path / ".stream_seg" / "services.json").exists()


def at_once(_: Path) -> bool:
    return True


def services_run(data_dir: Path) -> bool:
    return (data_dir / "services.json").exists()


def worker_starts(data_dir: Path) -> bool:
    return (data_dir / "worker.log").exists()


def segments_appear(data_dir: Path) -> bool:
    if not services_run(data_dir):
        return False
    address = json.loads((data_dir / "services.json").read_text())["redis"]["address"]
    with SegmentClient.from_url(f"redis://{address}/0", timeout_s=30.0) as client:
        return bool(client.sizes())


@pytest.mark.parametrize(
    ("moment", "number", "status"),
    [
        (at_once, signal.SIGTERM, 143),
        (services_run, signal.SIGINT, 130),
        (worker_starts, signal.SIGINT, 130),
        (segments_appear, signal.SIGTERM, 143),
    ],
)
def test_interrupted_it_leaves_nothing_running(
    moment: Callable[[Path], bool], number: signal.Signals, status: int, tmp_path: Path
) -> None:
    data_dir = tmp_path / ".stream_seg"
    with demo(tmp_path, "--headless") as process:
        eventually(lambda: _installed(process), 60, "the demo takes signals")
        eventually(lambda: moment(data_dir), 180, moment.__name__)
        children = descendants(process)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=GONE_S)

    assert (process.returncode, stdout, stderr) == (status, "", "")
    eventually(lambda: not alive(children), GONE_S, "its children are gone", lambda: str(alive(children)))
    assert sorted(path.name for path in tmp_path.iterdir()) in ([], [".stream_seg"])


def _installed(process: subprocess.Popen[str]) -> bool:
    """Return whether SIGTERM is handled. Before that it ends the interpreter itself, with nothing started yet."""
    caught = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigCgt" in line)
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))


def test_killed_it_takes_everything_along(tmp_path: Path) -> None:
    with demo(tmp_path, "--headless") as process:
        eventually(lambda: worker_starts(tmp_path / ".stream_seg"), 120, "the worker starts")
        eventually(lambda: len(descendants(process)) == 3, 30, "broker, Redis and worker run")
        children = descendants(process)
        process.kill()

    assert len(children) == 3
    eventually(lambda: not alive(children), GONE_S, "its children are gone", lambda: str(alive(children)))
