"""A learning worker reports a change among customers: an event on segment-drift, a metric, and a log line."""

from __future__ import annotations

import asyncio

import numpy as np
from aiokafka import AIOKafkaProducer

from stream_seg.contracts.drift import parse_drift
from stream_seg.core.activity_mix import UNKNOWN
from stream_seg.core.decay import DAY_S
from stream_seg.core.feature_names import FEATURES
from stream_seg.worker.models.drift_reports import in_words
from stream_seg.worker.models.samples import Sample
from tests.integration.support.deployment import Deployment, Services, deployment
from tests.integration.support.ending import read_topic
from tests.integration.support.polling import eventually

A_DAY = 400
START = 1_735_689_600.0
FEATURE = {name: at for at, name in enumerate(FEATURES)}


def day(number: int, often: float) -> Sample:
    """Return a day's sample of customers, new ones every day, of whom a given share buys often."""
    rng = np.random.default_rng([7, number])
    rows = np.zeros((A_DAY, len(FEATURES)))
    rates = np.where(rng.random(A_DAY) < often, 20.0, 2.0) * np.exp(rng.normal(0, 0.3, A_DAY))
    for rate, pace, times in (("order_rate", "order_pace", 1.0), ("spend_rate", "spend_pace", 30.0)):
        rows[:, [FEATURE[rate], FEATURE[pace]]] = times * rates[:, None]
    rows[:, FEATURE["basket_value"]] = 30.0
    rows[:, FEATURE["gap_days"]] = 30.0 / rates
    named = [(f"c{number}-{at}", row) for at, row in enumerate(rows.tolist())]
    return Sample(0, START + number * DAY_S, False, named, [UNKNOWN] * A_DAY)


def send(deployed: Deployment, samples: list[Sample]) -> None:
    """Put samples on their topic, as workers do."""

    async def sending() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=deployed.broker.address)
        await producer.start()
        try:
            for sample in samples:
                await producer.send_and_wait(deployed.settings.topic("segment-samples"), sample.dumps(), partition=0)
        finally:
            await producer.stop()

    asyncio.run(sending())


def models(deployed: Deployment) -> int:
    return len(read_topic(deployed, deployed.settings.topic("segment-models")))


def test_a_learner_tells_of_a_share_that_grew(on: Services) -> None:
    with deployment(on, "drift", CLOCK="stream", HALF_LIFE_DAYS="1", SEGMENTS="2", SESSION_TIMEOUT_S="30") as deployed:
        worker = deployed.start_worker()
        send(deployed, [day(number, often=0.3) for number in range(4)])
        eventually(lambda: models(deployed) > 0, 120, "there is a model", deployed.output)
        send(deployed, [day(number, often=0.3) for number in range(5, 30)])
        send(deployed, [day(number, often=0.6) for number in range(30, 45)])
        topic = deployed.settings.topic("segment-drift")
        eventually(lambda: bool(read_topic(deployed, topic)), 120, "drift is told", deployed.output)

        letter, *more = read_topic(deployed, topic)
        event = parse_drift(letter.value)
        assert (letter.key, more) == (b"behavior", [])
        assert event.segments == ["b0", "b1"]
        assert "2025-01-29" <= event.since[:10] <= event.occurred_at[:10] <= "2025-02-07"
        assert {round(finding.before, 1) for finding in event.findings if finding.what == "share"} == {0.3, 0.7}
        eventually(lambda: in_words(event.findings[0]) in worker.output(), 30, "the log has a line", worker.output)
        assert worker.metric('drift_events_total{what="share"}') == 1.0
