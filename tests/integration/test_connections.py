"""Kafka with TLS, client certificates, logins and permissions: the working connections, and the text of each
refusal.
"""

from __future__ import annotations

import asyncio
import gc
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stream_seg.embedded.process import HOST
from stream_seg.embedded.redis import start_redis
from stream_seg.errors import BrokerError, BrokerRefused
from stream_seg.kafka.broker import Broker, SaslMechanism, Security, SecurityProtocol
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.producer import started_producer
from tests.conftest import started, url_of
from tests.integration.support.command import run
from tests.integration.support.java_clients import allow
from tests.integration.support.polling import eventually
from tests.integration.support.secured import PASSWORDS, SecuredKafka, certificates, secured_kafka, settings_of
from tests.integration.support.worker import ROOT, Worker

GUIDE = (ROOT / "docs" / "guides" / "connections.md").read_text(encoding="utf-8")
PARTITIONS = "2"

# aiokafka does not wait until a refused connection is closed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Trigger warnings about unclosed connections while they are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """One secured node for all tests."""
    directory = tmp_path_factory.mktemp("certificates")
    with ExitStack() as stack:
        yield started(lambda: stack.enter_context(secured_kafka(directory)))


def topics_through(broker: Broker) -> dict[str, list[int]]:
    """Send a broker the request with which every command starts."""

    async def ask() -> dict[str, list[int]]:
        async with connect(broker) as client:
            return await partitions_of(client, ["none-such"])

    return asyncio.run(ask())


def refusal(broker: Broker) -> str:
    """Return the line that a refused connection ends with, without the address."""
    with pytest.raises(BrokerRefused) as refused:
        topics_through(broker)
    line = str(refused.value)
    assert not any(password in line for password in PASSWORDS.values())
    return line.replace(f" at {broker.address}", "")


def secure(broker: Broker, **changes: object) -> Broker:
    """Return a broker with some of its security changed."""
    return replace(broker, security=replace(broker.security, **changes))


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SSL", "PLAIN"),
        ("SASL_PLAINTEXT", "PLAIN"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
        ("SASL_SSL", "PLAIN"),
        ("SASL_SSL", "SCRAM-SHA-256"),
        ("SASL_SSL", "SCRAM-SHA-512"),
    ],
)
def test_every_protocol_and_mechanism_connects(
    kafka: SecuredKafka, protocol: SecurityProtocol, mechanism: SaslMechanism
) -> None:
    assert topics_through(kafka.broker(protocol, mechanism)) == {}


def test_a_client_certificate_connects_with_its_key_beside_it_or_in_it(kafka: SecuredKafka) -> None:
    pem = kafka.certificates
    assert topics_through(kafka.mutual(pem.client)) == {}
    assert topics_through(kafka.mutual(pem.client, pem.client_key)) == {}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_login_is_refused(kafka: SecuredKafka, mechanism: SaslMechanism) -> None:
    line = "the broker refuses the login of {!r}; check STREAM_SEG_KAFKA_SASL_USERNAME and"
    right = kafka.broker("SASL_SSL", mechanism)
    assert refusal(secure(right, password="wrong")).startswith(line.format("admin"))
    assert refusal(secure(right, username="stranger")).startswith(line.format("stranger"))


def test_a_mechanism_that_the_listener_does_not_offer(kafka: SecuredKafka) -> None:
    assert refusal(kafka.broker("SASL_PLAINTEXT", "SCRAM-SHA-512")) == (
        "the broker does not offer SCRAM-SHA-512; set STREAM_SEG_KAFKA_SASL_MECHANISM to one that it offers"
    )


def test_a_protocol_that_the_listener_does_not_speak(kafka: SecuredKafka) -> None:
    tls, login, both = (kafka.broker(protocol) for protocol in ("SSL", "SASL_PLAINTEXT", "SASL_SSL"))
    hangs_up = "the broker closes the connection: it may expect TLS or a login; STREAM_SEG_KAFKA_SECURITY_PROTOCOL is "
    for listener in (tls, login, both):
        assert refusal(Broker(listener.address)) == hangs_up + "PLAINTEXT"
    assert refusal(replace(both, security=login.security)) == hangs_up + "SASL_PLAINTEXT"
    assert "does not answer with TLS on this port" in refusal(replace(kafka.open, security=tls.security))
    assert "expects no login on this port" in refusal(replace(kafka.open, security=login.security))


def test_certificates_that_one_side_does_not_trust(kafka: SecuredKafka) -> None:
    pem, right = kafka.certificates, kafka.broker("SSL")
    for cafile in (pem.strangers_ca, None):
        line = refusal(secure(right, cafile=cafile))
        assert "is not trusted" in line
        assert "set STREAM_SEG_KAFKA_SSL_CAFILE" in line
    assert "asks for a client certificate" in refusal(replace(right, address=kafka.secured.address("MUTUAL")))
    for wrong in (pem.stranger, pem.expired_client):
        assert f"refuses the client certificate {wrong}" in refusal(kafka.mutual(wrong))


def test_certificates_of_brokers_that_have_expired_or_are_for_another_host(tmp_path: Path) -> None:
    pem = certificates(tmp_path)

    async def line(certificate: Path) -> str:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        async with await asyncio.start_server(lambda *_: None, HOST, 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            broker = Broker(f"{HOST}:{port}", security=Security("SSL", cafile=pem.ca))
            with pytest.raises(BrokerRefused) as refused:
                async with connect(broker):
                    pass
            return str(refused.value)

    assert "has expired; renew it on the broker" in asyncio.run(line(pem.expired_server))
    assert "is for another host name; write a name that it lists" in asyncio.run(line(pem.elsewhere))


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    pem = certificates(tmp_path)
    text = tmp_path / "note.txt"
    text.write_text("no certificate")
    for security, says in {
        Security("SSL", cafile=text): f"KAFKA_SSL_CAFILE {text} cannot be used: it is not PEM",
        Security("SSL", certfile=text): f"KAFKA_SSL_CERTFILE {text} cannot be used: it is not PEM",
        Security("SSL", certfile=pem.client, keyfile=pem.encrypted_key): "the key is encrypted; write it unencrypted",
        Security("SSL", certfile=pem.client, keyfile=pem.stranger): "its parts do not belong together",
    }.items():
        with pytest.raises(BrokerError, match=re.escape(says)):
            security.context()


def test_a_producer_that_is_refused_says_why_too(kafka: SecuredKafka) -> None:
    async def produce(broker: Broker) -> None:
        async with started_producer(broker):
            pass

    with pytest.raises(BrokerRefused, match="refuses the login of 'shop'"):
        asyncio.run(produce(secure(kafka.broker("SASL_SSL", user="shop"), password="wrong")))
    # Idempotence needs a permission too. Without it aiokafka would report an unavailable broker.
    with pytest.raises(BrokerRefused, match="does not let user 'newcomer' create topics, or write with an idempotent"):
        asyncio.run(produce(kafka.broker("SASL_SSL", user="newcomer")))


class Shop:
    """A deployment on the secured Kafka, with commands and workers of any user."""

    def __init__(self, kafka: SecuredKafka, redis_url: str, directory: Path) -> None:
        self._kafka = kafka
        self._directory = directory
        self._common = {"REDIS_URL": redis_url, "PARTITIONS": PARTITIONS, "LOG_LEVEL": "debug", "CLOCK": "stream"}

    def settings(self, user: str, **more: str) -> dict[str, str]:
        """Return the settings of a user, names without prefix."""
        return {**self._common, **settings_of(self._kafka.broker("SASL_SSL", "SCRAM-SHA-512", user)), **more}

    def command(self, user: str, *arguments: str, **more: str) -> tuple[int, str]:
        """Run a command; return its exit status and everything that it writes."""
        done = run(arguments, self._directory, **self.settings(user, **more))
        written = done.stdout + done.stderr
        assert not any(password in written for password in PASSWORDS.values())
        return done.returncode, written

    @contextmanager
    def worker(self, user: str, **more: str) -> Iterator[Worker]:
        """Run a worker for the duration of the block."""
        settings = {f"STREAM_SEG_{name}": value for name, value in self.settings(user, **more).items()}
        worker = Worker(settings, self._directory)
        try:
            yield worker
        finally:
            worker.kill()
            assert not any(password in everything(worker) for password in PASSWORDS.values())


def everything(worker: Worker) -> str:
    """Return all that a worker has written."""
    return worker._written.read_text(errors="replace")


@pytest.fixture(scope="module")
def shop(kafka: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A deployment whose topics exist, in a directory that holds nothing."""
    with started(start_redis) as redis:
        shop = Shop(kafka, url_of(redis), tmp_path_factory.mktemp("shop"))
        status, written = shop.command("admin", "topics", "create")
        assert status == 0, written
        yield shop


def test_every_command_without_permission_ends_with_one_line(shop: Shop) -> None:
    for command in (
        ["worker"], ["lag"], ["topics", "check"], ["topics", "create"], ["segments"], ["inspect", "c-1"],
        ["models", "list"], ["dead-letters", "list"], ["replay", "simulate", "--limit", "1"],
    ):  # fmt: skip
        status, written = shop.command("newcomer", *command)
        assert status == 1, written
        assert "Traceback" not in written
        assert "the broker does not let user 'newcomer'" in written.splitlines()[-1], written


def grants(title: str) -> list[str]:
    """Return the permissions in a block of the guide."""
    found = re.search(rf"```acl {title}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1].splitlines()


def test_a_worker_that_lacks_a_permission_ends_when_it_needs_it(kafka: SecuredKafka, shop: Shop) -> None:
    allowed = grants("worker")
    assert shop.command("admin", "replay", "simulate", "--limit", "2000", "--seed", "1")[0] == 0
    missing = [line for line in allowed if line.startswith("GROUP") or "changelog WRITE" in line]
    allow(kafka.open.address, "shop", [line for line in allowed if line not in missing])
    status, written = shop.command("shop", "worker")
    assert (status, written.splitlines()[-1].partition(";")[0]) == (
        1,
        "stream-seg: the broker does not let user 'shop' use the consumer group stream-seg",
    )
    allow(kafka.open.address, "shop", [line for line in missing if line.startswith("GROUP")])
    status, written = shop.command("shop", "worker")
    assert (status, written.splitlines()[-1].partition(";")[0]) == (
        1,
        "stream-seg: the worker stopped: the broker does not let user 'shop' use the topics"
        " stream-seg-customers-changelog",
    )
    # With the permissions of the guide it counts all pending records, its changes and dead letters too.
    allow(kafka.open.address, "shop", missing)
    with shop.worker("shop") as worker:
        worker.wait_ready()
        eventually(lambda: shop.command("admin", "lag")[1].endswith("has read everything\n"), 60, "it catches up")
        assert worker.terminate() == 0, worker.output()


def test_a_worker_runs_on_a_mutual_tls_listener(kafka: SecuredKafka, shop: Shop) -> None:
    client = settings_of(kafka.mutual(kafka.certificates.client))
    none = dict.fromkeys(("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"), "")
    with shop.worker("admin", **client, **none, APP_ID="mutual", TOPIC_PREFIX="mutual.") as worker:
        worker.wait_ready()
        assert worker.terminate() == 0, worker.output()


def test_a_worker_whose_login_is_wrong_ends_with_one_line(shop: Shop) -> None:
    status, written = shop.command("shop", "worker", KAFKA_SASL_PASSWORD="wr0ng-s3cret")
    assert status == 1
    assert "wr0ng-s3cret" not in written
    assert "refuses the login of 'shop'" in written.splitlines()[-1]
