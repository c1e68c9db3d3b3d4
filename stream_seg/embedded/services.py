"""The broker and the Redis of a deployment: those of the settings, or embedded ones that commands share.

`DATA_DIR/services.json` names the running embedded services. The first command starts and records them, and the others
attach. They stop when their starter stops, which also removes the record.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from stream_seg.addresses import Addresses
from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.broker import broker_answers, start_broker
from stream_seg.embedded.process import ServiceProcess
from stream_seg.embedded.redis import redis_answers, start_redis
from stream_seg.errors import EmbeddedError
from stream_seg.settings import Settings

RECORD_NAME = "services.json"
LOCK_NAME = "services.lock"


@dataclass(frozen=True)
class _Entry:
    """A recorded service: `host:port`, the identity with which it answers, and its process id for the operator."""

    address: str
    identity: str
    pid: int


@dataclass(frozen=True)
class _Kind:
    setting: str
    variable: str
    start: Callable[[], ServiceProcess]
    answers: Callable[[int, str], bool]


_KINDS = {
    "broker": _Kind("broker", "STREAM_SEG_BROKER", start_broker, broker_answers),
    "redis": _Kind("redis_url", "STREAM_SEG_REDIS_URL", start_redis, redis_answers),
}


@contextlib.contextmanager
def open_services(settings: Settings) -> Iterator[Addresses]:
    """Yield the addresses of running services: from the settings, else recorded in `DATA_DIR`, else started here.

    Services that are started here are stopped at the end, and removed from the record. Call this from a thread that
    lives as long as the services (see ServiceProcess). Raises EmbeddedError when one is missing or does not start.
    """
    started: dict[str, ServiceProcess] = {}
    try:
        entries = _attach_or_start(settings, started)
        yield _addresses(settings, entries)
    finally:
        _retire(settings.data_dir, started)


def attach_services(settings: Settings) -> Addresses:
    """Return the addresses of running services. Start none.

    Raises EmbeddedError when the settings ask for an embedded service that is not running.
    """
    entries = _running(_read_record(settings.data_dir))
    for name in _wanted(settings):
        if name not in entries:
            raise EmbeddedError(
                f"no embedded {name} is running for {settings.data_dir}: "
                f"start `stream-seg demo` or `stream-seg worker` first, or set {_KINDS[name].variable}"
            )
    return _addresses(settings, entries)


def _attach_or_start(settings: Settings, started: dict[str, ServiceProcess]) -> dict[str, _Entry]:
    """Return the recorded services that run, and start missing ones, which also go into `started`."""
    wanted = _wanted(settings)
    if not wanted:
        return {}
    with _locked(settings.data_dir):
        entries = _running(_read_record(settings.data_dir))
        for name in wanted:
            if name not in entries:
                service = started[name] = _KINDS[name].start()
                entries[name] = _Entry(service.address, service.identity, service.pid)
        _write_record(settings.data_dir, entries)
    return entries


def _retire(data_dir: Path, started: dict[str, ServiceProcess]) -> None:
    """Remove the services from the record, then stop them, so that no command attaches to a stopping service."""
    if not started:
        return
    try:
        with _locked(data_dir):
            ours = {service.identity for service in started.values()}
            entries = _read_record(data_dir).items()
            _write_record(data_dir, {name: entry for name, entry in entries if entry.identity not in ours})
    finally:
        for service in started.values():
            service.stop()


def _wanted(settings: Settings) -> list[str]:
    return [name for name, kind in _KINDS.items() if getattr(settings, kind.setting) == EMBEDDED]


def _addresses(settings: Settings, entries: dict[str, _Entry]) -> Addresses:
    wanted = _wanted(settings)
    broker, redis = "broker" in wanted, "redis" in wanted
    return Addresses(
        settings.embedded_broker(entries["broker"].address) if broker else settings.cluster,
        f"redis://{entries['redis'].address}/0" if redis else settings.redis_address,
    )


def _running(entries: dict[str, _Entry]) -> dict[str, _Entry]:
    """Return the entries that answer with their recorded identity, because ports and process ids are reused."""
    return {name: entry for name, entry in entries.items() if _answers(name, entry)}


def _answers(name: str, entry: _Entry) -> bool:
    try:
        return _KINDS[name].answers(int(entry.address.rpartition(":")[2]), entry.identity)
    except (KeyError, ValueError, OverflowError, AttributeError):
        # An unknown kind, no port or no text. This project did not write the entry.
        return False


def _read_record(data_dir: Path) -> dict[str, _Entry]:
    try:
        record = json.loads((data_dir / RECORD_NAME).read_bytes())
        return {name: _Entry(**fields) for name, fields in record.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        # There is no record, or this project did not write it, so no service is known to run.
        return {}


def _write_record(data_dir: Path, entries: dict[str, _Entry]) -> None:
    """Replace the record in one step, so that readers need no lock. Remove it when there are no entries."""
    path = data_dir / RECORD_NAME
    if not entries:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=2) + "\n")
    fresh.replace(path)


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Allow one starter at a time. The operating system frees the lock of a starter that died."""
    import fcntl  # POSIX only, like embedded services. Other commands run without it.

    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
