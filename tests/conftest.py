"""Real services for tests: both brokers and a Redis, one of each per session, and fresh ones on demand.

Tests that take `broker`, `embedded` or `broker_setting` run twice, on the embedded broker and on Apache Kafka. Tests
take `embedded_broker`, and run on it alone, if they are about the embedded services (`test_embedded.py`, the demo,
commands without started services) or about something that no broker can change (the store on disk between two
workers, places where secrets show). Services that cannot be started skip the tests that need them, or fail them when
STREAM_SEG_REQUIRE_SERVICES=1.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import hypothesis
import pytest

from apache_kafka.server import ApacheKafka
from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.broker import start_broker
from stream_seg.embedded.process import ServiceProcess
from stream_seg.embedded.redis import start_redis
from stream_seg.errors import EmbeddedError
from stream_seg.kafka.broker import Broker
from tests.shared_kafka import SharedKafka, shared_address

# The broker of a test runs for minutes. With Java's second compiler a start takes 7 CPU seconds, without it 4.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

# Modules beside the tests assert too, and their failures must show the compared values.
pytest.register_assert_rewrite("tests.integration.support", "tests.chaos")

SLOW = [hypothesis.HealthCheck.too_slow]
# Use the same examples every time, so that a result depends neither on luck nor on the speed of the machine. For other
# examples run: pytest tests/laws --hypothesis-profile explore
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=SLOW)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000, suppress_health_check=SLOW)
hypothesis.settings.load_profile("same")

Service = TypeVar("Service")

REQUIRE = "STREAM_SEG_REQUIRE_SERVICES"
SHARED = "shared_kafka"
_shared = pytest.StashKey[SharedKafka]()
# Folders and files with the slowest tests. They run first, in this order, so that no process is left with one of them
# while the others are idle.
LONG_FOLDERS = ("chaos", "integration", "packaging")
LONG_FILES = (
    *("test_crash_points", "test_chaos", "test_recovery", "test_crashes", "test_benches", "test_dead_letters"),
    *("test_cli", "test_models", "test_mutants", "test_learner", "test_redis_repair", "test_secrets", "test_store"),
)


def started(start: Callable[[], Service]) -> Service:
    """Yield a service, or skip or fail the test that needs it."""
    try:
        return start()
    except EmbeddedError as error:
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(f"{error} ({REQUIRE}=1)", pytrace=False)
        pytest.skip(str(error))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first."""
    rank = {name: number for number, name in enumerate(LONG_FILES)}

    def place(item: pytest.Item) -> int:
        long = item.path.parent.name in LONG_FOLDERS
        return rank.get(item.path.stem, len(rank)) if long else len(rank) + 1

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist process where to request the shared Kafka."""
    stash = node.config.stash
    if _shared not in stash:
        stash[_shared] = SharedKafka()
    node.workerinput[SHARED] = stash[_shared].directory


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the Kafka that all processes shared."""
    if _shared in config.stash:
        config.stash[_shared].close()


def url_of(service: ServiceProcess) -> str:
    """Yield the URL of a running Redis."""
    return f"redis://{service.address}/0"


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own deployment settings out of tests."""
    for name in [name for name in os.environ if name.startswith("STREAM_SEG_") and name != REQUIRE]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[Broker]:
    """Yield the embedded broker that all tests share. Use `prefix` for topics and groups."""
    with started(start_broker) as service:
        yield Broker(service.address, embedded=True)


@pytest.fixture(scope="session")
def apache_kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Yield the Apache Kafka that all tests of all processes share. Use `prefix` for topics and groups."""
    directory = getattr(request.config, "workerinput", {}).get(SHARED)
    if directory is not None:
        yield Broker(started(lambda: shared_address(directory)))
        return
    with started(ApacheKafka) as kafka:
        yield Broker(kafka.address)


@pytest.fixture(scope="session", params=["embedded", "kafka"])
def broker_setting(request: pytest.FixtureRequest) -> str:
    """Return the `STREAM_SEG_BROKER` of a deployment: `embedded` for its own broker, else the shared Apache Kafka."""
    return EMBEDDED if request.param == "embedded" else f"kafka://{request.getfixturevalue('apache_kafka').address}"


@pytest.fixture(scope="session")
def embedded(broker_setting: str) -> bool:
    """Return whether the broker is the embedded one, with its quirks."""
    return broker_setting == EMBEDDED


@pytest.fixture(scope="session")
def broker(embedded: bool, request: pytest.FixtureRequest) -> Broker:
    """Return a broker that all tests share. Use `prefix` for topics and groups."""
    found: Broker = request.getfixturevalue("embedded_broker" if embedded else "apache_kafka")
    return found


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the `redis://127.0.0.1:port/0` of the shared Redis. Use `prefix` for keys, and never flush it."""
    with started(start_redis) as service:
        yield url_of(service)


@pytest.fixture
def new_broker() -> Iterator[Callable[[], ServiceProcess]]:
    """Return a function that starts a private broker at each call (`.address`, `.stop()`, `.kill()`)."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(started(start_broker))


@pytest.fixture
def new_redis() -> Iterator[Callable[[], ServiceProcess]]:
    """Return a function that starts a private Redis at each call (`.port`, `.stop()`, `.kill()`)."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(started(start_redis))


@pytest.fixture
def prefix() -> str:
    """Return a unique prefix for topics, groups and Redis keys, which ends in a dash."""
    return f"t{uuid.uuid4().hex[:10]}-"
