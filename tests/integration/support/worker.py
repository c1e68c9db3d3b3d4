"""A worker process: `python -m stream_seg worker`, as a user runs it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from stream_seg.embedded.process import GUARD, GUARD_MODE, HOST
from tests.integration.support.polling import eventually

ROOT = Path(__file__).parents[3]
# Worst cases on a busy machine. A healthy worker takes far less time.
READY_S = 60.0
STOPPED_S = 30.0
ANSWERS_S = 30.0
TAIL = 4_000
TWO_DIMENSIONS = "tests.two_dimensions"  # a worker that evaluates `tests.activity`, too
PORTS = 1_000


class Worker:
    """One worker with `environment` added to this process's own. Its output goes to a file in `directory`.

    A `tied` worker dies with the thread that created it, even by kill -9. `module` runs the worker, by default as a
    user does.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: Path, *, tied: bool = False, module: str = "stream_seg"
    ) -> None:
        port = own_port()
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._written = directory / f"worker-{port}.txt"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_SEG_")}
        own = {"STREAM_SEG_WORKER_HTTP_PORT": str(port), "PYTHONPATH": str(ROOT)}
        guard = [sys.executable, "-I", "-S", str(GUARD), GUARD_MODE, str(os.getpid())] if tied else []
        with self._written.open("wb") as written:
            self._process = subprocess.Popen(
                [*guard, sys.executable, "-m", module, "worker"],
                cwd=directory,  # a folder without a developer's stream_seg.toml
                env={**inherited, **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )

    def running(self) -> bool:
        """Return whether the process is alive."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Return the exit status (minus the signal that killed it), or None while it is alive."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Does nothing when the process has ended."""
        self._process.send_signal(number)

    def output(self) -> str:
        """Return the end of the worker's output."""
        return self._written.read_text(errors="replace")[-TAIL:]

    def metrics(self) -> dict[str, float]:
        """Return samples by name with labels. Empty while the worker does not answer."""
        try:
            with urllib.request.urlopen(self._url, timeout=ANSWERS_S) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, HTTPException):
            return {}
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def works(self) -> bool:
        """Return whether the worker has written a few commit groups."""
        assert self.running(), self.output()
        return self.metric("group_events_count") > 5

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels (name without `stream_seg_`), or 0 while the worker does not
        answer.
        """
        full = f"stream_seg_{name}"
        return sum(value for key, value in self.metrics().items() if key == full or key.startswith(full + "{"))

    def wait_ready(self) -> None:
        """Return when the worker owns partitions and has recovered them."""

        def owns() -> bool:
            assert self.running(), f"the worker ended with {self._process.returncode}: {self.output()}"
            return self.metric("partitions_owned") > 0

        eventually(owns, READY_S, "the worker owns partitions", self.output)

    def wait(self, timeout_s: float = STOPPED_S) -> int:
        """Return the exit status (minus the signal that killed it), once the process has ended."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs after {timeout_s:.0f} s: {self.output()}") from None

    def terminate(self) -> int:
        """Stop the worker as a deployment would, and return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End the worker at once, as a crash would. Idempotent."""
        self._process.kill()
        self._process.wait()


def own_port() -> int:
    """Return a port that stays free until a worker listens there seconds later, in turn from a range.

    The range belongs to this process of pytest, and lies below the ports that systems choose by themselves.
    """
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def _range() -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 12_000 + process % 16 * PORTS
    return itertools.cycle(range(first, first + PORTS))


_ports = _range()


def refusal(worker: Worker) -> str:
    """Return the one line with which a worker ends by itself."""
    assert worker.wait(60) == 1
    output = worker.output()
    lines = [line for line in output.splitlines() if line.startswith("stream-seg: ")]
    assert len(lines) == 1, output
    assert "Traceback" not in output
    return lines[0]
