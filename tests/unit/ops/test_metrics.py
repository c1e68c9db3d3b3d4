"""The catalog matches the exposed metrics, and the metrics of two workers are separate."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from stream_seg.kafka.lag import PartitionLag
from stream_seg.ops.metrics import Metrics, markdown_table


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def test_the_catalog_matches_the_registry(registry: CollectorRegistry, metrics: Metrics) -> None:
    exposed = {
        (f"{family.name}_total" if family.type == "counter" else family.name, family.type, family.documentation)
        for family in registry.collect()
    }

    assert {(entry.name, entry.kind, entry.help) for entry in metrics.catalogue} == exposed


def test_every_metric_is_an_attribute_with_one_sentence_of_help(metrics: Metrics) -> None:
    for entry in metrics.catalogue:
        assert hasattr(metrics, entry.name.removeprefix("stream_seg_").removesuffix("_total"))
        assert entry.help.endswith(".")
        assert entry.help.count(". ") == 0


def test_values_are_exposed_with_their_labels(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.events_absorbed.labels("purchases").inc(3)
    metrics.segment_customers.labels("behavior", "b0").set(41)
    metrics.group_events.observe(200)

    assert registry.get_sample_value("stream_seg_events_absorbed_total", {"topic": "purchases"}) == 3
    assert registry.get_sample_value("stream_seg_segment_customers", {"dimension": "behavior", "segment": "b0"}) == 41
    assert registry.get_sample_value("stream_seg_group_events_bucket", {"le": "300.0"}) == 1
    assert b"stream_seg_group_events_sum 200.0" in generate_latest(registry)


def test_two_workers_in_one_process_count_separately(registry: CollectorRegistry, metrics: Metrics) -> None:
    other = CollectorRegistry()
    Metrics(other).samples_sent.inc()
    metrics.samples_sent.inc(0)

    assert other.get_sample_value("stream_seg_samples_sent_total") == 1
    assert registry.get_sample_value("stream_seg_samples_sent_total") == 0


def test_the_lag_of_a_lost_partition_disappears(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.show_lag([PartitionLag("purchases", 0, 10, 4, 6, 1.5), PartitionLag("purchases", 1, 3, None, 3, 9.0)])
    metrics.show_lag([PartitionLag("purchases", 1, 3, 3, 0, 0.0)])

    lost, kept = {"topic": "purchases", "partition": "0"}, {"topic": "purchases", "partition": "1"}
    assert registry.get_sample_value("stream_seg_lag_events", lost) is None
    assert registry.get_sample_value("stream_seg_lag_seconds", lost) is None
    assert registry.get_sample_value("stream_seg_lag_events", kept) == 0
    assert registry.get_sample_value("stream_seg_lag_seconds", kept) == 0


def test_the_table_has_one_line_per_metric(metrics: Metrics) -> None:
    lines = markdown_table().splitlines()

    assert lines[:2] == ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    assert len(lines) == 2 + len(metrics.catalogue)
    assert (
        "| `stream_seg_lag_events` | gauge | `topic`, `partition` | Records of an owned partition not yet committed. |"
        in lines
    )
