"""Apache Kafka crashes and returns under load: workers continue or end with one line, and no record is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apache_kafka.server import ApacheKafka
from benchmarks.workload import fixed_model
from stream_seg.errors import BrokerError
from stream_seg.kafka import producer
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.replay.send import Progress, replay
from stream_seg.tools.topics import create_topics, topic_specs
from tests.conftest import started
from tests.integration.support.answers import LostAnswer
from tests.integration.support.deployment import PATHLESS, deployment, replaying, services
from tests.integration.support.ending import (
    assert_all_agree,
    assert_changes_chain,
    assert_exact,
    assert_segments,
    read_ending,
)
from tests.integration.support.events import Sent, shop, view
from tests.integration.support.polling import eventually
from tests.integration.support.worker import refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
# More events than a worker remembers of a busy customer, so that a duplicate of them would count twice.
BURST_BYTES = 20_000
# Time until workers have absorbed the appended records.
ABSORBED_S = 0.5
PATIENT, IMPATIENT = {"SESSION_TIMEOUT_S": "60"}, {"SESSION_TIMEOUT_S": "6"}


@pytest.fixture
def kafka(apache_kafka: Broker) -> Iterator[ApacheKafka]:
    """Yield a private Kafka, because other tests do not expect theirs to crash."""
    assert apache_kafka
    with started(ApacheKafka) as made:
        yield made


def bursts(records: list[Sent]) -> list[Sent]:
    """The same, all of a second at once."""
    return [record._replace(occurred_at_s=float(int(record.occurred_at_s))) for record in records]


def test_a_crash_of_the_broker_loses_nothing(
    kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        time.sleep(ABSORBED_S)
        kafka.kill()

    sent = bursts(shop(8_000, 800, seed=31, seconds=12.0))
    answer = LostAnswer(monkeypatch, at_least=BURST_BYTES, then=crash)
    with (
        services(tmp_path, f"kafka://{kafka.address}") as on,
        deployment(on, "outage", model=MODEL, **PATHLESS) as deployed,
    ):
        patient, impatient = deployed.start_worker(**PATIENT), deployed.start_worker(**IMPATIENT)
        patient.wait_ready()
        impatient.wait_ready()
        with replaying(deployed, sent):
            eventually(lambda: patient.works() and impatient.works(), 30, "both absorb events", deployed.output)
            answer.want()
            answer.wait(30)
            kafka.restart()
        deployed.wait_until_drained()
        # A worker that was silent for longer than its session must not write. It ends, unless it was asked to rejoin
        # first.
        if not impatient.running():
            assert "the session lasts 6 s: another worker may own these partitions" in refusal(impatient)
        ending, expected = read_ending(deployed), expect(sent)
        assert patient.running(), patient.output()
        assert_exact(ending, expected)
        assert_segments(ending, expected, MODEL)
        assert_changes_chain(ending.changes)
        assert_all_agree(deployed, ending)


def test_a_replay_does_not_wait_for_ever_for_a_broker_that_is_gone(
    kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(app_id="gone", topic_prefix="gone.")
    asyncio.run(create_topics(Broker(kafka.address), topic_specs(settings)))

    def crash(_: Progress) -> None:
        kafka.kill()
        monkeypatch.setattr(producer, "ACKNOWLEDGED_S", 3.0)

    records = [view("c-1", n, "2026-01-01T00:00:00Z")._replace(occurred_at_s=float(n)) for n in range(1, 9)]

    sending = replay(
        records,
        broker=Broker(kafka.address),
        settings=settings,
        speed=10.0,
        on_progress=crash,
    )
    with pytest.raises(BrokerError, match=r"after 1 acknowledged records: .*no acknowledgement from the broker in 3 s"):
        asyncio.run(sending)
