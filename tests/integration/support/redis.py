"""A Redis on a port that stays the same when it is killed and started again."""

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
    """Nothing is kept on disk: what is started again is empty."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers when this returns."""
        place = ["--bind", HOST, "--port", str(self.port), "--dir", str(self._directory)]
        command = [redis_binary(), *place, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        eventually(self._answers, 20, "Redis answers")

    def flush(self) -> None:
        """Wipe it."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        """End it at once. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())
        return False


@contextmanager
def redis_server(directory: Path) -> Iterator[Redis]:
    """A Redis that is not started yet, and is killed in the end."""
    server = Redis(directory)
    try:
        yield server
    finally:
        server.kill()
