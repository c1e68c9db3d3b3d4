"""Apache Kafka crashes and comes back under load: workers go on, or end with one line, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apache_kafka.server import ApacheKafka
from benchmarks.workload import fixed_model
from tests.conftest import started
from tests.integration.support.deployment import PATHLESS, deployment, replaying, services
from tests.integration.support.ending import (
    assert_all_agree,
    assert_changes_chain,
    assert_exact,
    assert_segments,
    read_ending,
)
from tests.integration.support.events import shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
PATIENT, IMPATIENT = {"SESSION_TIMEOUT_S": "60"}, {"SESSION_TIMEOUT_S": "3"}


@pytest.fixture
def kafka(apache_kafka: str) -> Iterator[ApacheKafka]:
    """One of the test's own: others do not expect theirs to crash."""
    assert apache_kafka
    with started(ApacheKafka) as made:
        yield made


def test_a_crash_of_the_broker_loses_nothing(kafka: ApacheKafka, tmp_path: Path) -> None:
    sent = shop(8_000, 800, seed=31, seconds=12.0)
    with (
        services(tmp_path, f"kafka://{kafka.address}") as on,
        deployment(on, "outage", model=MODEL, **PATHLESS) as deployed,
    ):
        patient, impatient = deployed.start_worker(**PATIENT), deployed.start_worker(**IMPATIENT)
        patient.wait_ready()
        impatient.wait_ready()
        with replaying(deployed, sent):
            eventually(lambda: patient.works() and impatient.works(), 30, "both absorb events", deployed.said)
            kafka.kill()
            kafka.restart()
        deployed.wait_until_drained()
        # Silent for longer than its session, it must not write: it ends, unless it was asked to rejoin first.
        if not impatient.running():
            assert "the session lasts 3 s: another worker may own these partitions" in refusal(impatient)
        ending, expected = read_ending(deployed), expect(sent)
        assert patient.running(), patient.said()
        assert_exact(ending, expected)
        assert_segments(ending, expected, MODEL)
        assert_changes_chain(ending.changes)
        assert_all_agree(deployed, ending)
