"""Readings of a worker's metrics become progress."""

from __future__ import annotations

from stream_seg.cli.demo.follow import Progress, parse_metrics

PAGE = """\
# HELP stream_seg_events_absorbed_total Events counted in a customer's record.
# TYPE stream_seg_events_absorbed_total counter
stream_seg_events_absorbed_total{topic="purchases"} 1500.0
stream_seg_events_absorbed_total{topic="interactions"} 400.0
stream_seg_repeats_skipped_total{by="event_id"} 60.0
stream_seg_events_rejected_total{reason="not_json"} 40.0
stream_seg_events_rejected_created{reason="not_json"} 1.76e+09
stream_seg_changes_total{dimension="behavior"} 12.0
stream_seg_model_version 3.0
stream_seg_redis_dirty_customers 2.0
stream_seg_group_seconds_bucket{le="+Inf"} 9.0
python_info{version="3.11"} 1.0
"""


def test_samples_by_name_and_first_label() -> None:
    samples = parse_metrics(PAGE)

    assert samples["events_absorbed_total", "interactions"] == 400.0
    assert samples["model_version", ""] == 3.0
    assert ("python_info", "3.11") not in samples


def test_a_reading_is_progress() -> None:
    progress = Progress()

    progress.update(parse_metrics(PAGE), previous=10.0, now=10.5)

    assert progress.handled == 2000
    assert (progress.changes, progress.model_version, progress.waiting) == (12, 3, 2)
    assert progress.events_per_s == 4000.0


def test_the_rate_is_from_the_first_event_to_the_last() -> None:
    progress = Progress()

    progress.update({}, previous=0.0, now=1.0)
    assert progress.events_per_s == 0.0
    progress.update({("events_absorbed_total", "purchases"): 100.0}, previous=1.0, now=2.0)
    progress.update({("events_absorbed_total", "purchases"): 400.0}, previous=2.0, now=3.0)
    progress.update({("events_absorbed_total", "purchases"): 400.0}, previous=3.0, now=60.0)

    assert progress.events_per_s == 200.0
