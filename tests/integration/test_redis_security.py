"""Redis with TLS and with users: the working connections, and the text of each refusal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from benchmarks.workload import fixed_model
from stream_seg.cache import SegmentClient
from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.process import HOST, free_port
from stream_seg.errors import CacheRefused
from tests.conftest import REQUIRE
from tests.integration.support.command import run
from tests.integration.support.deployment import CALM, Services, deployment
from tests.integration.support.events import order
from tests.integration.support.polling import eventually
from tests.integration.support.redis import redis_server
from tests.integration.support.secured import Certificates, certificates
from tests.integration.support.worker import ROOT

GUIDE = (ROOT / "docs" / "guides" / "connections.md").read_text(encoding="utf-8")
WHEN = "2017-05-09T18:00:31Z"
PASSWORD = "r3d1s-s3cret"


@pytest.fixture(scope="module")
def broker_setting() -> str:
    """Use the embedded broker alone, because Redis is the same on both."""
    return EMBEDDED


def users_of_the_guide(prefix: str) -> list[list[str]]:
    """Return the users that the guide lists, as arguments of ACL SETUSER, for keys with a prefix."""
    found = re.search(r"```acl redis\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    text = found[1].replace("PASSWORD", PASSWORD).replace("~seg:", f"~{prefix}:")
    return [line.split()[1:] for line in text.splitlines()]


def test_users_with_the_permissions_of_the_guide(on: Services, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.start()
        with redis.Redis.from_url(server.url) as admin:
            for user in users_of_the_guide("users"):
                admin.execute_command("ACL", "SETUSER", *user)
            admin.execute_command("ACL", "SETUSER", "default", "off")
        urls = {name: server.url.replace("//", f"//{name}:{PASSWORD}@") for name in ("worker", "reader")}
        with deployment(on, "users", model=fixed_model(), redis_url=urls["worker"], **CALM) as deployed:
            worker = deployed.start_worker()
            worker.wait_ready()
            deployed.send([order("c-1", 1, WHEN, 50.0)])
            deployed.wait_until_drained()
            with SegmentClient.from_url(urls["reader"], "users") as client:
                eventually(lambda: client.get("c-1"), 30, "the reader sees the customer", worker.output)
                assert client.sizes()["behavior"] != {}
                assert client.model() is not None
            # A worker that could write once keeps counting when its user is taken away.
            with redis.Redis.from_url(urls["worker"]) as stranger, pytest.raises(redis.exceptions.NoPermissionError):
                stranger.flushall()
            assert worker.terminate() == 0, worker.output()
            for url, says in {
                urls["reader"]: "Redis denies permission to this user",
                urls["worker"].replace(PASSWORD, "wr0ng"): "Redis refuses the login: check user and password in",
                server.url: "Redis refuses the login",
            }.items():
                refused = deployed.start_worker(REDIS_URL=url)
                assert refused.wait() == 1
                assert says in refused.output().splitlines()[-1], refused.output()
                assert PASSWORD not in refused.output()
                assert "wr0ng" not in refused.output()


@contextmanager
def tls_redis(certificate: Path, made: Certificates, directory: Path) -> Iterator[str]:
    """Run Debian's redis-server with TLS alone and yield `host:port`. Skips or fails where it is not installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        (pytest.fail if os.environ.get(REQUIRE) == "1" else pytest.skip)(
            "no redis-server: apt-get install redis-server"
        )
    port = free_port()
    place = ["--bind", HOST, "--port", "0", "--tls-port", str(port), "--dir", str(directory), "--save", ""]
    tls = ["--tls-cert-file", certificate, "--tls-key-file", certificate, "--tls-ca-cert-file", made.ca]
    process = subprocess.Popen([binary, *place, *tls, "--tls-auth-clients", "no"], stdout=subprocess.DEVNULL)

    def answers() -> bool:
        with suppress(redis.RedisError):
            return bool(redis.Redis(HOST, port, ssl=True, ssl_cert_reqs="none").ping())
        return False

    try:
        eventually(answers, 20, "Redis answers")
        yield f"{HOST}:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_worker_and_readers_over_tls(on: Services, tmp_path: Path) -> None:
    made = certificates(tmp_path)
    with (
        tls_redis(made.server, made, tmp_path) as address,
        deployment(
            on,
            "tls",
            model=fixed_model(),
            redis_url=f"rediss://{address}/0",
            REDIS_SSL_CAFILE=str(made.ca),
            **CALM,
        ) as deployed,
    ):
        worker = deployed.start_worker()
        worker.wait_ready()
        deployed.send([order("c-1", 1, WHEN, 50.0)])
        deployed.wait_until_drained()
        url = f"rediss://{address}/0?ssl_ca_certs={made.ca}"
        with SegmentClient.from_url(url, "tls") as client:
            eventually(lambda: client.get("c-1"), 30, "the reader sees the customer", worker.output)
        assert worker.terminate() == 0, worker.output()
        refused = deployed.start_worker(REDIS_SSL_CAFILE=str(made.strangers_ca))
        assert refused.wait() == 1
        assert "the certificate of Redis is not trusted" in refused.output().splitlines()[-1]
        for cafile, says in {made.strangers_ca: "is not trusted (", made.ca: "0 changes"}.items():
            settings = {name.removeprefix("STREAM_SEG_"): value for name, value in deployed.environment.items()}
            done = run(["segments"], tmp_path, **{**settings, "REDIS_SSL_CAFILE": str(cafile)})
            assert done.returncode == (1 if cafile is made.strangers_ca else 0), done.stderr
            assert cafile is made.ca or says in done.stderr


def test_certificates_of_redis_that_cannot_be_trusted(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    for certificate, ca, says in (
        (made.expired_server, made.ca, "the certificate of Redis has expired: renew it"),
        (made.elsewhere, made.ca, "the certificate of Redis is for another host name"),
        (made.server, made.strangers_ca, "set STREAM_SEG_REDIS_SSL_CAFILE to the certificate of the authority"),
    ):
        with (
            tls_redis(certificate, made, tmp_path) as address,
            SegmentClient.from_url(f"rediss://{address}/0?ssl_ca_certs={ca}") as client,
            pytest.raises(CacheRefused, match=says),
        ):
            client.get("c-1")
