"""Drift reports as events and as log lines."""

from __future__ import annotations

from stream_seg.contracts.drift import parse_drift
from stream_seg.learning.drift import Drift, Report
from stream_seg.worker.models.drift_reports import event, in_words
from tests.unit.learning.test_drift import model

REPORT = Report(
    1_700_000_000.0,
    model(7),
    [
        Drift("share", 1, 0.30001, 0.4211, 1_699_500_000.0, 5_200, 2_300, 2.7),
        Drift("distance", None, 0.91, 1.1049, 1_699_400_000.0, 5_000, 2_500, 1.2),
    ],
)


def test_a_drift_event_carries_its_evidence() -> None:
    drift = parse_drift(event(REPORT, 1_764_000_000.5).dumps())
    assert (drift.dimension, drift.model_version, drift.segments) == ("behavior", 7, ["b1"])
    assert drift.occurred_at == "2023-11-14T22:13:20Z"
    assert drift.since == "2023-11-07T23:33:20Z"
    assert drift.detected_at.startswith("2025-11-24T16:00:00.5")
    share, distance = drift.findings
    assert (share.segment, share.name, share.before, share.after) == ("b1", "Many", 0.3, 0.4211)
    assert (distance.segment, distance.name, distance.samples_before, distance.samples_after) == (
        None,
        None,
        5_000,
        2_500,
    )


def test_each_finding_is_one_line_of_the_log() -> None:
    share, distance = map(in_words, event(REPORT, 0.0).findings)
    assert share == "Many (b1) were 30.0% of customers, and are 42.1% since 2023-11-09T03:20:00Z"
    assert distance == ("customers are farther from their centers since 2023-11-07T23:33:20Z: 0.91 before, 1.10 now")
