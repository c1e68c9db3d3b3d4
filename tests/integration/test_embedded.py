"""The embedded services as processes: they answer, are shared, and never outlive their starter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from stream_seg.embedded import process as processes
from stream_seg.embedded.broker import broker_answers
from stream_seg.embedded.process import HOST, ServiceProcess, ask
from stream_seg.embedded.redis import redis_answers
from stream_seg.embedded.services import attach_services, open_services
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings

GUARD = Path(__file__).parents[2] / "stream_seg" / "embedded" / "guard.py"

# Starts or attaches, reports it on one line, and runs until its standard input ends.
STARTER = """
import signal
import sys
from pathlib import Path
from stream_seg.embedded.services import open_services
from stream_seg.settings import Settings
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell ignores it
try:
    with open_services(Settings(data_dir=Path(sys.argv[1]))) as addresses:
        print(addresses.broker.address, addresses.redis_url, flush=True)
        sys.stdin.read()
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def _services_needed(embedded_broker: Broker, redis_url: str) -> None:
    """Skip tests where no service can be started."""


def starter(data_dir: Path) -> subprocess.Popen[str]:
    """Start a process that opens the services of `data_dir`, in a process group of its own like a terminal's job."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def end(process: subprocess.Popen[str]) -> None:
    """Close its standard input and wait for it."""
    process.communicate(timeout=20)


def recorded(data_dir: Path) -> dict[str, dict[str, Any]]:
    record: dict[str, dict[str, Any]] = json.loads((data_dir / "services.json").read_text())
    return record


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not in {timeout_s} s: {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Return whether the process has ended. One whose parent has not waited for it counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the process ended before the file was opened or read
        return True


def all_gone(entries: dict[str, dict[str, Any]]) -> bool:
    return all(gone(entry["pid"]) for entry in entries.values())


def test_answers_only_to_its_own_identity(
    new_broker: Callable[[], ServiceProcess], new_redis: Callable[[], ServiceProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROBE_TIMEOUT_S", 1.0)  # each waits for the rest of the other's output
    tansu, valkey = new_broker(), new_redis()

    assert broker_answers(tansu.port, tansu.identity)
    assert not broker_answers(tansu.port, "another")
    assert not broker_answers(valkey.port, tansu.identity)
    assert redis_answers(valkey.port, valkey.identity)
    assert not redis_answers(valkey.port, "another")
    assert not redis_answers(tansu.port, valkey.identity)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_stopped_service_is_gone_and_stopping_again_does_nothing(
    new_redis: Callable[[], ServiceProcess], how: str
) -> None:
    service = new_redis()

    getattr(service, how)()

    assert not service.running()
    assert not service.answers()
    with pytest.raises(OSError):
        ask(service.port, b"PING\r\n", lambda answer: bool(answer))
    service.stop()


def test_redis_keeps_nothing(new_redis: Callable[[], ServiceProcess]) -> None:
    service = new_redis()
    with redis.Redis(host=HOST, port=service.port, decode_responses=True) as client:
        client.set("a", "1")
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_the_starter_records_and_cleans_up(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with open_services(settings) as addresses:
        assert addresses.broker.embedded
        assert recorded(tmp_path)["broker"]["address"] == addresses.broker.address
        assert attach_services(settings) == addresses
        entries = recorded(tmp_path)

    assert all_gone(entries)
    assert [path.name for path in tmp_path.iterdir()] == ["services.lock"]


def test_only_services_set_to_embedded_are_started(tmp_path: Path, redis_url: str) -> None:
    with open_services(Settings(data_dir=tmp_path, redis_url=redis_url)) as addresses:
        assert list(recorded(tmp_path)) == ["broker"]
        assert addresses.redis_url == redis_url


def test_the_second_attaches_and_its_end_stops_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with open_services(settings) as first:
        with open_services(settings) as second:
            assert second == first
        assert attach_services(settings) == first


def test_two_starters_at_once_share_one_pair(tmp_path: Path) -> None:
    starters = [starter(tmp_path) for _ in range(3)]

    lines = {first_line(process) for process in starters}
    entries = recorded(tmp_path)
    for process in starters:
        end(process)

    assert len(lines) == 1
    assert all_gone(entries)
    assert not (tmp_path / "services.json").exists()


def test_they_die_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    process = starter(tmp_path)
    first_line(process)
    entries = recorded(tmp_path)

    process.kill()
    end(process)

    wait_until(lambda: all_gone(entries), "broker and Redis gone")


def test_the_record_of_a_killed_starter_is_replaced(tmp_path: Path) -> None:
    process = starter(tmp_path)
    first_line(process)
    stale = recorded(tmp_path)
    process.kill()
    end(process)
    wait_until(lambda: all_gone(stale), "broker and Redis gone")

    with open_services(Settings(data_dir=tmp_path)) as addresses:
        assert addresses.broker.address == recorded(tmp_path)["broker"]["address"]
        assert recorded(tmp_path)["broker"]["identity"] != stale["broker"]["identity"]


def test_ctrl_c_reaches_the_starter_which_then_stops_them(tmp_path: Path) -> None:
    process = starter(tmp_path)
    first_line(process)
    entries = recorded(tmp_path)

    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)  # with its standard input open, because the end of that would also stop it
    end(process)

    # Its own exit status and no traceback, because the services were there until it stopped them.
    assert process.returncode == 130
    assert all_gone(entries)
    assert not (tmp_path / "services.json").exists()


def test_the_watching_guard_ends_its_command_with_the_starter() -> None:
    sleeper = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    code = (
        "import os, subprocess, sys; "
        "subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1], 'watch', str(os.getpid()), *sys.argv[2:]],"
        " start_new_session=True).wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(GUARD), *sleeper], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    pid = int(first_line(process))

    process.kill()
    process.wait()

    wait_until(lambda: gone(pid), "the command gone")
    end(process)


def test_the_watching_guard_ends_with_its_process_group() -> None:
    sleeper = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARD), "watch", str(os.getpid()), *sleeper],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pid = int(first_line(process))

    os.killpg(process.pid, signal.SIGTERM)
    end(process)

    assert gone(pid)
