"""Sessions: as set on Apache Kafka, at most six seconds on the embedded broker."""

from __future__ import annotations

import pytest

from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.worker.faust.settings import make_faust


@pytest.mark.parametrize(("set_s", "kafka_s", "embedded_s"), [(30.0, 30.0, 6.0), (6.0, 6.0, 6.0), (3.0, 3.0, 3.0)])
def test_sessions(set_s: float, kafka_s: float, embedded_s: float) -> None:
    settings = Settings(session_timeout_s=set_s)
    on_kafka = make_faust(settings, Broker("127.0.0.1:9")).conf
    on_embedded = make_faust(settings, Broker("127.0.0.1:9", embedded=True)).conf
    assert (on_kafka.broker_session_timeout, on_kafka.broker_rebalance_timeout) == (kafka_s, 60.0)
    assert (on_embedded.broker_session_timeout, on_embedded.broker_rebalance_timeout) == (embedded_s, embedded_s)
