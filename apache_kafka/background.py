"""A node that outlives the command that started it and is found again through a record in `.stream_seg/`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from apache_kafka.node import Node
from apache_kafka.server import READY_S, STOPPED_S, node_answers
from stream_seg.embedded.process import HOST
from stream_seg.errors import EmbeddedError

RECORD = Path(".stream_seg", "apache-kafka.json")
POLL_S = 0.05
LINES_SHOWN = 8


@dataclass(frozen=True)
class Background:
    """A node in the background: its port, its process id, and its data folder."""

    port: int
    pid: int
    directory: str

    @classmethod
    def recorded(cls) -> Self | None:
        """Return the node of this checkout, or None. The node may have ended."""
        try:
            return cls(**json.loads(RECORD.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def start(cls, port: int) -> Self:
        """Start a node with no data and return once it answers. Raises EmbeddedError when it does not start."""
        _check_free(port)
        directory = tempfile.mkdtemp(prefix="stream-seg-kafka-")
        try:
            return cls._run(port, directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def restart(self) -> Self:
        """Run the node again on the same port and data, after an orderly shutdown if it still runs."""
        self._end()
        return self._run(self.port, self.directory)

    def stop(self) -> None:
        """Shut the node down in order, and remove its data and the record."""
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)
        RECORD.unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        """Return whether the node's process exists. Process ids are reused, so its unique folder name identifies it."""
        shown = subprocess.run(
            ["ps", "-ww", "-o", "stat=,args=", "-p", str(self.pid)], capture_output=True, text=True, check=False
        ).stdout
        return self.directory in shown and not shown.startswith("Z")

    @property
    def answers(self) -> bool:
        """Return whether the node answers a request."""
        return node_answers(self.port, self.directory)

    @classmethod
    def _run(cls, port: int, directory: str) -> Self:
        command = Node(Path(directory)).command(port, directory)
        log = Path(directory, "kafka.log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        started = cls(port, process.pid, directory)
        deadline = time.monotonic() + READY_S
        try:
            while not started.answers:
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-LINES_SHOWN:])
                    raise EmbeddedError(f"Apache Kafka does not answer on {HOST}:{port}; its last lines:\n{tail}")
                time.sleep(POLL_S)
            RECORD.parent.mkdir(exist_ok=True)
            RECORD.write_text(json.dumps(asdict(started)) + "\n")
        except BaseException:
            process.kill()
            process.wait()
            raise
        return started

    def _end(self) -> None:
        if self.running:
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOPPED_S
        while self.running:
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            time.sleep(POLL_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _check_free(port: int) -> None:
    """Check the port before Kafka does, because Kafka reports a taken port in the middle of a long trace."""
    with socket.socket() as probe:
        # Servers set this option too. Without it, a port that was just released would seem taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EmbeddedError(
                f"{HOST}:{port} cannot be used ({error.strerror}); choose another with --port"
            ) from None
