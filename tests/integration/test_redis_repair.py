"""Redis wiped, killed, absent, or owned by another program: documents return by themselves, and never mix."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from benchmarks.workload import fixed_model
from tests.integration.support.deployment import CALM, Deployment, Services, deployment, replaying_meanwhile
from tests.integration.support.ending import assert_all_agree, assert_exact, read_ending
from tests.integration.support.events import shop
from tests.integration.support.polling import eventually
from tests.integration.support.redis import Redis, redis_server
from tests.integration.support.worker import TWO_DIMENSIONS, refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
# Documents are compared every second and written in slices of thousands.
REPAIRED_S = 30.0


@pytest.fixture
def server(on: Services) -> Iterator[Redis]:
    """Yield a private Redis that is not started."""
    with redis_server(on.data_dir) as made:
        yield made


def wait_until_whole(deployed: Deployment) -> None:
    """Return when Redis holds every document, all sizes and the model again."""
    ending = read_ending(deployed)
    problem = ""

    def whole() -> bool:
        nonlocal problem
        try:
            assert_all_agree(deployed, ending)
            with deployed.redis() as client:
                assert client.model() is not None, "no model"
        except AssertionError as found:
            problem = str(found)[:500]
            return False
        return True

    eventually(whole, REPAIRED_S, "Redis is whole", lambda: problem + deployed.output())


def test_documents_lost_by_redis_return_within_seconds(on: Services, server: Redis) -> None:
    # Longer than the slowest machine needs. It ends after the second wipe.
    endless = shop(60_000, 1_500, seed=21, seconds=40.0)
    server.start()
    with deployment(on, "repair", model=MODEL, redis_url=server.url, module=TWO_DIMENSIONS, **CALM) as deployed:
        worker = deployed.start_worker()
        worker.wait_ready()
        with replaying_meanwhile(deployed, endless) as sent:
            # Twice under load, because the second wipe may meet a repair in progress.
            for groups in (20, 30):
                eventually(lambda n=groups: worker.metric("group_events_count") > n, 30, "groups", worker.output)
                server.flush()
        deployed.wait_until_drained()
        wait_until_whole(deployed)

        server.flush()  # with no load, so no write notices the wipe
        wait_until_whole(deployed)

        server.kill()
        rest = endless[len(sent) : len(sent) + 3_000]
        deployed.send(rest)
        deployed.wait_until_drained()  # acknowledging does not wait for Redis
        assert readiness(worker._url)["redis"] == "Redis does not answer; documents wait"
        server.start()
        wait_until_whole(deployed)

        assert readiness(worker._url)["redis"] == "ok"
        assert_exact(read_ending(deployed), expect([*sent, *rest]))
        assert worker.terminate() == 0, worker.output()
        wait_until_whole(deployed)


def test_redis_may_be_away_when_a_worker_starts(on: Services, server: Redis) -> None:
    sent = shop(1_500, 200, seed=22)
    with deployment(on, "away", model=MODEL, redis_url=server.url, **CALM) as deployed:
        deployed.start_worker()
        deployed.send(sent)
        deployed.wait_until_drained()
        server.start()
        wait_until_whole(deployed)
        assert_exact(read_ending(deployed), expect(sent))


def test_another_application_on_the_same_prefix_is_refused(on: Services) -> None:
    with deployment(on, "owner", model=MODEL, **CALM) as owner:
        worker = owner.start_worker()
        worker.wait_ready()
        with owner.redis() as client:
            eventually(lambda: client._redis.get("owner:owner") == "owner", 10, "the prefix is taken", worker.output)
        with deployment(on, "stranger", model=MODEL, **CALM | {"REDIS_PREFIX": "owner"}) as stranger:
            line = refusal(stranger.start_worker())
            assert "keys under 'owner' belong to the application 'owner', and this one is 'stranger'" in line
        assert worker.running()


def readiness(metrics_url: str) -> dict[str, str]:
    """Return the checks behind a worker's /ready."""
    request = urllib.request.Request(metrics_url.replace("/metrics", "/ready"))
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)["checks"]
    except urllib.error.HTTPError as answer:
        return json.load(answer)["checks"]
