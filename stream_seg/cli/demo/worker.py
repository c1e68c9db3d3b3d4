"""The worker of a demo: a child process with its own log that ends with the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stream_seg.embedded.process import GUARD, GUARD_MODE
from stream_seg.errors import Failure
from stream_seg.settings import PREFIX, Settings

LOG_NAME: Final = "worker.log"
GRACE_S: Final = 10.0
# An interrupted demo stops broker and Redis too, so the worker has nothing to finish.
INTERRUPTED_GRACE_S: Final = 1.0


class WorkerProcess:
    """`python -m stream_seg worker` as a child process, with a context manager that stops it.

    It attaches to the services recorded in `data_dir`. If the demo dies, the kernel kills it on Linux, and a watching
    process does elsewhere. Ctrl-C in the terminal reaches only the demo.
    """

    def __init__(self, settings: Settings, http_port: int) -> None:
        self.log = settings.data_dir / LOG_NAME
        self.url = f"http://127.0.0.1:{http_port}"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the worker with an empty log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "stream_seg", "worker"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), GUARD_MODE, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment(self._settings, self.url)},
                start_new_session=True,
            )
        return self

    def check(self) -> None:
        """Raise Failure with the last line of the log if the worker has ended."""
        status = self._process.poll() if self._process else None
        if status is not None:
            raise Failure(f"the worker ended with status {status}: {last_line(self.log)} (all of it: {self.log})")

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Stop the worker with SIGTERM, and with SIGKILL after `grace_s` seconds. Idempotent."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._signal(process, signal.SIGTERM)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._signal(process, signal.SIGKILL)
            process.wait()

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)  # the worker leads its own session, hence its own process group

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(GRACE_S if kind is None else INTERRUPTED_GRACE_S)


def environment(settings: Settings, url: str) -> dict[str, str]:
    """Return the environment variables for a worker of the same deployment with metrics at `url`."""
    host, _, port = url.removeprefix("http://").partition(":")
    return {
        f"{PREFIX}CLOCK": settings.clock,
        f"{PREFIX}DATA_DIR": str(settings.data_dir.absolute()),
        f"{PREFIX}WORKER_HTTP_HOST": host,
        f"{PREFIX}WORKER_HTTP_PORT": port,
        "PYTHONUNBUFFERED": "1",
    }


def last_line(log: Path) -> str:
    """Return the last nonempty line of a log."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it wrote nothing"
