"""A Redis whose port stays the same after a kill and a restart."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from stream_seg.embedded.process import HOST, free_port
from stream_seg.embedded.redis import redis_binary
from tests.integration.support.polling import eventually


class Redis:
    """A Redis that keeps nothing on disk, so it is empty after a restart."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Redis and return once it answers."""
        place = ["--bind", HOST, "--port", str(self.port), "--dir", str(self._directory)]
        command = [redis_binary(), *place, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        eventually(self._answers, 20, "Redis answers")

    def flush(self) -> None:
        """Wipe all keys."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        """End Redis at once. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())
        return False


@contextmanager
def redis_server(directory: Path) -> Iterator[Redis]:
    """Yield a Redis that is not started yet, and kill it in the end."""
    server = Redis(directory)
    try:
        yield server
    finally:
        server.kill()
