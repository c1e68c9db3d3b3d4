"""Child processes of a benchmark: started, measured from /proc, and stopped by their process id (Linux)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from stream_seg.embedded.process import GUARD, GUARD_MODE

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
POLL_S = 0.02
TAIL_BYTES = 4_000


@dataclass(frozen=True)
class Usage:
    """Resource use of a process: CPU (user and system, all threads) since its start, and current memory."""

    at_s: float  # time.monotonic()
    cpu_s: float
    rss_bytes: int


def usage(pid: int) -> Usage:
    """Return the resource use of process `pid` so far. Raises ProcessLookupError when there is none."""
    try:
        # The second field is the command in brackets, and may itself contain spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        raise ProcessLookupError(f"no process {pid}") from None
    ticks = int(fields[11]) + int(fields[12])  # utime, stime
    return Usage(time.monotonic(), ticks / TICKS_PER_S, pages * PAGE_BYTES)


class ChildFailed(RuntimeError):
    """Raised for a child that ended or missed a deadline. The message holds the end of its output."""


class Child:
    """One child process: a context manager that stops it. The kernel stops it when the benchmark is killed.

    `output` collects standard output, apart from standard error. Both are files, so that no reader is needed.
    `environment` is added to this process's own.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), GUARD_MODE, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
        )

    @classmethod
    def module(cls, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Self:
        """Return a child that runs `python -m name arguments...` with this interpreter."""
        return cls([sys.executable, "-m", name, *arguments], environment)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def running(self) -> bool:
        """Return whether the process is alive."""
        return self._process.poll() is None

    def usage(self) -> Usage:
        """Return CPU and memory so far. Raises ProcessLookupError when the process has ended."""
        return usage(self.pid)

    def reports(self) -> list[dict[str, Any]]:
        """Return the JSON objects printed so far, one per line. Other lines (banners, logs) are skipped."""
        complete = _text(self._output).rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in complete if line.startswith("{")]

    def wait_for(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Return once `done()` is true. Raises ChildFailed when the child ends first or `timeout_s` passes."""
        deadline = time.monotonic() + timeout_s
        while not done():
            if not self.running():
                raise ChildFailed(self._failure(f"ended with status {self._process.returncode} before {what}"))
            if time.monotonic() > deadline:
                raise ChildFailed(self._failure(f"took more than {timeout_s:.0f} s until {what}"))
            time.sleep(POLL_S)

    def kill(self) -> None:
        """End the process at once, as a crash would. Idempotent."""
        self._process.kill()
        self._process.wait()

    def stop(self, grace_s: float = 20.0) -> None:
        """Send SIGTERM, and SIGKILL after `grace_s` if the process is still alive. Idempotent."""
        if self.running():
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        self._errors.close()

    def _failure(self, how: str) -> str:
        said = (_text(self._output) + _text(self._errors))[-TAIL_BYTES:].strip()
        return f"{' '.join(self.command)} {how}; the end of what it wrote:\n{said or '(nothing)'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _text(stream: IO[bytes]) -> str:
    size = os.fstat(stream.fileno()).st_size
    return os.pread(stream.fileno(), size, 0).decode(errors="replace")
