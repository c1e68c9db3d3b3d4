"""A node that outlives the command that started it, found again through a record in `.stream_seg/`."""

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
    """A node in the background: the port it listens on, its process id, and the folder of its data."""

    port: int
    pid: int
    directory: str

    @classmethod
    def recorded(cls) -> Self | None:
        """The node of this checkout, if there is one; it may have ended."""
        try:
            return cls(**json.loads(RECORD.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def start(cls, port: int) -> Self:
        """Start a node with no data; it answers when this returns. Raises EmbeddedError when it does not start."""
        _check_free(port)
        directory = tempfile.mkdtemp(prefix="stream-seg-kafka-")
        try:
            return cls._run(port, directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def restart(self) -> Self:
        """Run it again on its port and data, after an orderly end if it still runs."""
        self._end()
        return self._run(self.port, self.directory)

    def stop(self) -> None:
        """Shut it down in order, and remove its data and the record."""
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)
        RECORD.unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        """Whether its process is there. The folder's name is nobody else's, while process ids are used again."""
        shown = subprocess.run(
            ["ps", "-ww", "-o", "stat=,args=", "-p", str(self.pid)], capture_output=True, text=True, check=False
        ).stdout
        return self.directory in shown and not shown.startswith("Z")

    @property
    def answers(self) -> bool:
        """Whether it answers a request."""
        return node_answers(self.port, self.directory)

    @classmethod
    def _run(cls, port: int, directory: str) -> Self:
        command = Node(Path(directory)).command(port, directory)
        log = Path(directory, "kafka.log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        made = cls(port, process.pid, directory)
        deadline = time.monotonic() + READY_S
        try:
            while not made.answers:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = "\n".join(log.read_text(errors="replace").strip().splitlines()[-LINES_SHOWN:])
                    raise EmbeddedError(f"Apache Kafka does not answer on {HOST}:{port}; its last lines:\n{said}")
                time.sleep(POLL_S)
            RECORD.parent.mkdir(exist_ok=True)
            RECORD.write_text(json.dumps(asdict(made)) + "\n")
        except BaseException:
            process.kill()
            process.wait()
            raise
        return made

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
    """Ask before Kafka does: it says so in the middle of a long trace."""
    with socket.socket() as probe:
        # As servers do: else a port that another has just given back would seem taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EmbeddedError(
                f"{HOST}:{port} cannot be used ({error.strerror}); choose another with --port"
            ) from None
