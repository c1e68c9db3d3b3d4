"""One Apache Kafka for all processes of pytest-xdist, because each start and warm-up costs as much as many tests."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path

from apache_kafka.server import READY_S, ApacheKafka
from stream_seg.errors import EmbeddedError

LOOK_EVERY_S = 0.1
ANSWERED_S = 3 * READY_S


class SharedKafka:
    """Waits in the controlling process, and starts a Kafka when another process requests one.

    Kafka starts in a thread of its own, because the controlling process must continue meanwhile, and a service dies
    with the thread that started it.
    """

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="stream-seg-tests-")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def directory(self) -> str:
        """Return the folder for requests and answers between the processes."""
        return self._directory.name

    def close(self) -> None:
        """Stop the Kafka, if one was started."""
        self._ended.set()
        self._thread.join()
        self._directory.cleanup()

    def _serve(self) -> None:
        while not _wanted(self.directory).exists():
            if self._ended.wait(LOOK_EVERY_S):
                return
        try:
            kafka = ApacheKafka()
        except EmbeddedError as error:
            _answer(self.directory, {"error": str(error)})
            return
        with kafka:
            _answer(self.directory, {"address": kafka.address})
            self._ended.wait()


def shared_address(directory: str) -> str:
    """Request the Kafka and return its `host:port`. Raises EmbeddedError if it could not be started."""
    _wanted(directory).touch()
    answer, deadline = _answered(directory), time.monotonic() + ANSWERED_S
    while not answer.exists():
        if time.monotonic() > deadline:
            raise EmbeddedError(f"no Apache Kafka was started within {ANSWERED_S:.0f} s")
        time.sleep(LOOK_EVERY_S)
    found = json.loads(answer.read_text())
    if "error" in found:
        raise EmbeddedError(found["error"])
    address: str = found["address"]
    return address


def _wanted(directory: str) -> Path:
    return Path(directory, "wanted")


def _answered(directory: str) -> Path:
    return Path(directory, "answer.json")


def _answer(directory: str, answer: dict[str, str]) -> None:
    """Write an answer in one step, so that no process reads half of it."""
    part = Path(directory, "part")
    part.write_text(json.dumps(answer))
    part.rename(_answered(directory))
