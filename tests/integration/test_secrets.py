"""Passwords appear nowhere in the output of commands and workers. Ports are local, and show no customers."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import redis

from benchmarks.workload import fixed_model
from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.process import free_port
from stream_seg.settings import Settings
from tests.integration.support.command import run
from tests.integration.support.deployment import PATHLESS, Services, deployment
from tests.integration.support.events import identify, order
from tests.integration.support.polling import eventually
from tests.integration.support.redis import redis_server
from tests.integration.support.worker import Worker

SECRET = "s3cr3t-pa55"
USER = "hidden-user"
COMMANDS = (
    ["worker"], ["segments"], ["inspect", "c-1"], ["lag"], ["topics", "check"], ["topics", "create"],
    ["dead-letters", "list"], ["dead-letters", "redrive", "--yes"], ["replay", "simulate", "--limit", "1"],
    ["demo", "--limit", "1", "--headless"],
)  # fmt: skip
ASK_REDIS = (["worker"], ["segments"], ["inspect", "c-1"])
WHEN = "2017-05-09T18:00:31Z"


@pytest.fixture(scope="module")
def broker_setting() -> str:
    """Use the embedded broker alone, because no broker can change the tested behavior."""
    return EMBEDDED


def told(arguments: list[str], directory: Path, **settings: str) -> tuple[int, str]:
    """Return the exit status and the entire output of a command at its most verbose."""
    done = run(arguments, directory, LOG_LEVEL="debug", **settings)
    return done.returncode, done.stdout + done.stderr


def silent(text: str) -> None:
    """Assert that the output has no secret and no traceback."""
    assert SECRET not in text
    assert "Traceback" not in text, text


def test_a_broker_with_a_password_is_wrong_usage_and_not_quoted(tmp_path: Path) -> None:
    brokers = [f"{scheme}://{USER}:{SECRET}@127.0.0.1:1" for scheme in ("kafka", "kafkas")]
    cases = [(command, brokers[0]) for command in COMMANDS]
    cases += [(["lag"], brokers[1]), (["lag"], f"kafka://h:1?password={SECRET}")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda case: told(case[0], tmp_path, BROKER=case[1]), cases))
    why = "must not hold user, password or options. Write kafka://host:port[,host:port]"
    assert answers == [(2, f"stream-seg: STREAM_SEG_BROKER {why}\n")] * len(cases)


@pytest.mark.parametrize(
    "url",
    [f"http://{USER}:{SECRET}@127.0.0.1:1", f"redis://{USER}:{SECRET}@127.0.0.1:port", f"redis://{USER}:{SECRET}/x@h:[/0",
     f"redis://:{SECRET}@127.0.0.1:1/0?socket_timeout={SECRET}"],
)  # fmt: skip
def test_a_redis_url_that_cannot_be_read_is_wrong_usage_and_not_quoted(url: str, on: Services, tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(on.data_dir), "REDIS_URL": url, "APP_ID": "bad-url", "TOPIC_PREFIX": "bad-url."}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda command: told(command, tmp_path, **settings), ASK_REDIS))
    for status, text in answers:
        silent(text)
        assert status == 2, text


@pytest.mark.parametrize("command", ASK_REDIS[1:], ids=" ".join)
@pytest.mark.parametrize("wrong", ["host", "port", "password"])
def test_readers_with_a_redis_that_refuses(command: list[str], wrong: str, on: Services, tmp_path: Path) -> None:
    port = on.addresses.redis_url.rpartition(":")[2].split("/")[0]
    url = {
        "host": f"redis://{USER}:{SECRET}@nowhere.invalid:6379/0",
        "port": f"redis://{USER}:{SECRET}@127.0.0.1:{free_port()}/0",
        "password": f"redis://{USER}:{SECRET}@127.0.0.1:{port}/0",
    }[wrong]
    status, text = told(command, tmp_path, DATA_DIR=str(on.data_dir), REDIS_URL=url)
    silent(text)
    assert status == 1
    said = "refuses the login: check" if wrong == "password" else "did not answer as it should ("
    assert text.splitlines()[-1].startswith(f"stream-seg: Redis {said}")


def test_workers_whose_redis_refuses_or_goes(on: Services, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", SECRET)
        good = server.url.replace("//", f"//default:{SECRET}@")
        settings = {"LOG_LEVEL": "debug", **PATHLESS}
        with deployment(on, "secret", model=fixed_model(), redis_url=good, **settings) as deployed:
            worker = deployed.start_worker()
            worker.wait_ready()
            other = f"redis://{USER}:{SECRET}-wrong@127.0.0.1:{server.port}/0"
            wrong = deployed.start_worker(REDIS_URL=other, LOG_FORMAT="json")
            assert wrong.wait() == 1
            assert "Redis refuses the login" in wrong.output().splitlines()[-1]
            deployed.send([order("c-1", 1, WHEN, 5.0)])
            deployed.wait_until_drained()
            server.kill()
            eventually(lambda: "Redis cannot be used" in everything(worker), 30, "it notices", worker.output)
            worker.terminate()
            silent(everything(worker))
            # at this level libraries log the traceback of the error that ended it
            assert SECRET not in everything(wrong)


def everything(worker: Worker) -> str:
    """Return the entire output of a worker."""
    return worker._written.read_text(errors="replace")


def listening(pid: int) -> list[str]:
    """Return the addresses on which a process and its children listen."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [
        connection.laddr.ip.removeprefix("::ffff:")  # form of an IPv4 address on a dual-stack socket
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def test_ports_are_local_and_show_no_customers(on: Services) -> None:
    with deployment(on, "ports", model=fixed_model(), **PATHLESS) as deployed:
        deployed.send([order("alice@example.org", 1, WHEN, 5.0), identify("alice@example.org", 2, WHEN, city="Köln")])
        worker = deployed.start_worker()
        deployed.wait_until_drained()
        assert listening(worker._process.pid) == ["127.0.0.1"]
        # This process started the services.
        assert set(listening(os.getpid())) == {"127.0.0.1"}
        for path in ("/metrics", "/ready", "/live"):
            body = fetched(worker, path)
            assert body is not None
            assert "alice" not in body
            assert "Köln" not in body
        for path in (
            "/",
            "/table/customers",
            "/table/customers/alice@example.org",
            "/customers/alice@example.org",
            "/../",
        ):
            assert fetched(worker, path) is None, path
        assert "alice" not in everything(worker)


def fetched(worker: Worker, path: str) -> str | None:
    """Return the body of an answer, or None where there is no such address."""
    try:
        with urllib.request.urlopen(worker._url.replace("/metrics", path), timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        return error.read().decode()


def test_every_host_to_listen_on_is_local_by_default() -> None:
    hosts = {name: field.default for name, field in Settings.model_fields.items() if name.endswith("http_host")}
    assert set(hosts.values()) == {"127.0.0.1"}
