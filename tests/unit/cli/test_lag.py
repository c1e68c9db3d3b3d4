"""What `stream-seg lag` says."""

from __future__ import annotations

from stream_seg.cli.lag import facts, sentence
from stream_seg.kafka.lag import PartitionLag

LAGS = [
    PartitionLag("purchases", 0, end=10, committed=4, lag_events=6, lag_seconds=1.23456),
    PartitionLag("purchases", 1, end=3, committed=None, lag_events=3, lag_seconds=0.5),
]


def test_for_programs() -> None:
    assert facts("stream-seg", LAGS) == {
        "group": "stream-seg",
        "lag_events": 9,
        "lag_seconds": 1.235,
        "partitions": [
            {
                "topic": "purchases", "partition": 0, "end": 10, "committed": 4, "lag_events": 6, "lag_seconds": 1.235
            },
            {
                "topic": "purchases", "partition": 1, "end": 3, "committed": None, "lag_events": 3, "lag_seconds": 0.5
            },
        ],
    }  # fmt: skip


def test_for_people() -> None:
    assert sentence("stream-seg", LAGS) == "stream-seg is 9 events behind; the oldest has been waiting for 1.2 s"
    assert sentence("stream-seg", [PartitionLag("purchases", 0, 5, 5, 0, 0.0)]) == "stream-seg has read everything"
