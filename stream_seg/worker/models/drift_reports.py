"""Reports the drift that the learner's watch finds to `segment-drift`, the log and a metric."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from stream_seg.contracts.drift import Finding, SegmentDrift
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.times import rfc3339
from stream_seg.kafka.append import append_all
from stream_seg.learning.drift import Drift, DriftPolicy, DriftWatch, Report
from stream_seg.ops.metrics import Metrics

from .samples import Sample

log = logging.getLogger(__name__)


class DriftReports:
    """Passes samples to a watch and publishes each drift that it finds at most once."""

    def __init__(
        self,
        policy: DriftPolicy,
        topic: str,
        producer: Callable[[], Any],
        wall: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._policy = policy
        self._topic = topic
        self._producer = producer
        self._wall = wall
        self._metrics = metrics
        self._watch = DriftWatch(policy)

    def forget(self) -> None:
        """Start a new watch. Called when the partition of samples is revoked, because its next owner watches."""
        self._watch = DriftWatch(self._policy)

    async def watch(self, sample: Sample, active: ModelSnapshot | None) -> None:
        """Observe sampled customers under the active model. Publish a drift event when the watch reports one."""
        if active is None or not sample.rows:
            return
        customers, rows = zip(*sample.rows, strict=True)
        report = await asyncio.to_thread(self._watch.observe, sample.clock, customers, rows, active)
        if report is not None:
            await self._publish(event(report, self._wall()))

    async def _publish(self, drift: SegmentDrift) -> None:
        message = (drift.dimension.encode(), drift.dumps(), ())
        await append_all(self._producer(), self._topic, {0: [message]}, int(self._wall() * 1000))
        for what in sorted({finding.what for finding in drift.findings}):
            self._metrics.drift_events.labels(what).inc()
        log.info("drift: %s", "; ".join(map(in_words, drift.findings)))


def event(report: Report, wall: float) -> SegmentDrift:
    """Return the drift event of a report. `wall` is now, in epoch seconds."""
    findings = [_finding(drift, report.model) for drift in report.found]
    return SegmentDrift(
        dimension=report.model.dimension,
        model_version=report.model.version,
        occurred_at=rfc3339(report.clock),
        detected_at=rfc3339(wall),
        since=rfc3339(min(drift.since for drift in report.found)),
        segments=sorted({each.segment for each in findings if each.segment is not None}),
        findings=findings,
    )


def in_words(finding: Finding) -> str:
    """Return a finding as one line, such as

    `Lapsed regulars (b2) were 12.0% of customers, and are 17.1% since 2025-03-02T...`
    """
    since = f"since {finding.since}"
    if finding.what == "share":
        return (
            f"{finding.name} ({finding.segment}) were {finding.before:.1%} of customers, and are {finding.after:.1%} "
            f"{since}"
        )
    farther = "farther from" if finding.after > finding.before else "nearer to"
    return f"customers are {farther} their centers {since}: {finding.before:.2f} before, {finding.after:.2f} now"


def _finding(drift: Drift, model: ModelSnapshot) -> Finding:
    segment = drift.segment
    return Finding(
        what=drift.what,
        segment=None if segment is None else model.segments[segment].id,
        name=None if segment is None else model.segments[segment].name,
        before=round(drift.before, 4),
        after=round(drift.after, 4),
        since=rfc3339(drift.since),
        samples_before=drift.samples_before,
        samples_after=drift.samples_after,
    )
